use tsumugi_tables::{Manifest, Source, check};

#[test]
fn the_tables_of_exchange_keep_to_their_columns() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let manifest = Manifest::parse(&std::fs::read_to_string(data.join("manifest.toml")).unwrap()).unwrap();
    let names = ["device_quantities", "devices", "dpc", "okusuri", "uke"];
    let files: Vec<(String, String)> = names
        .iter()
        .map(|name| format!("exchange/{name}.tsv"))
        .map(|path| {
            let text = std::fs::read_to_string(data.join(&path)).unwrap();
            (path, text)
        })
        .collect();
    let sources: Vec<Source<'_>> = files.iter().map(|(path, text)| Source { path, text }).collect();
    let mistakes: Vec<String> = check(&manifest, &sources)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}
