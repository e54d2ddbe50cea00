//! What the tests share.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use tsumugi_profiles::Validator;
use tsumugi_tables::Source;

/// The tables of `data/fhir`.
pub(crate) fn tables() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/fhir");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (format!("fhir/{name}"), std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// R4 and the sentences.
pub(crate) fn validator() -> Validator {
    let tables = tables();
    let sources: Vec<Source<'_>> = tables.iter().map(|(path, text)| Source { path, text }).collect();
    Validator::new(&sources).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// A package with these resources, as its owner would distribute it.
pub(crate) fn archive(name: &str, version: &str, resources: &[Value]) -> Vec<u8> {
    let manifest = json!({"name": name, "version": version, "fhirVersions": ["4.0.1"]});
    let mut files = vec![(
        "package/package.json".to_owned(),
        manifest.to_string().into_bytes(),
    )];
    for (number, resource) in resources.iter().enumerate() {
        files.push((
            format!("package/r{number}.json"),
            resource.to_string().into_bytes(),
        ));
    }
    tgz(&files)
}

/// Files as a compressed archive.
pub(crate) fn tgz(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    for (name, content) in files {
        let mut head = [0_u8; 512];
        head[..name.len()].copy_from_slice(name.as_bytes());
        head[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        head[156] = b'0';
        head[257..262].copy_from_slice(b"ustar");
        out.write_all(&head).unwrap();
        out.write_all(content).unwrap();
        out.write_all(&vec![0; (512 - content.len() % 512) % 512])
            .unwrap();
    }
    out.write_all(&[0; 1024]).unwrap();
    out.finish().unwrap()
}
