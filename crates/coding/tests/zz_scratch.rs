use std::time::Instant;
use tsumugi_clinical::Patient;
use tsumugi_coding::{Coder, ImportContext, NoCodes};
use tsumugi_exchange::fhir_in::{Form, Limits, read};
use tsumugi_exchange::incoming::Handed;
#[test]
fn scratch() {
    let coder = Coder::embedded().unwrap();
    let patient = Patient::default();
    let mut files: Vec<_> = std::fs::read_dir("/work/shared/data/fhir/jp-clins").unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut n = 0;
    let start = Instant::now();
    for f in &files {
        let bytes = std::fs::read(f).unwrap();
        let mut input = bytes.as_slice();
        read(&mut input, "f", Form::Json, Limits::default(), &mut |h| {
            match h {
                Handed::Statement(s) => {
                    for r in s.resources.iter().take(1) {
                        let v: serde_json::Value = serde_json::from_slice(&r.json).unwrap();
                        let out = coder.import(&ImportContext { patient: &patient, date: None, evidence: None, codes: &NoCodes, beside: &[] }, &v);
                        n += 1;
                        println!("{} {} {}|{} -> {:?} {:?}", f.file_name().unwrap().to_string_lossy(), s.key, s.person.issuer, s.person.number,
                            out.events.iter().map(|e| format!("{} {:?} {:?}", e.fact, e.value.as_ref().map(|v| (&v.number, &v.unit)), e.dosage.as_ref().map(|d| (d.strength.as_ref().and_then(|s| s.number.clone()), d.amount.as_ref().and_then(|s| s.number.clone()), d.times_per_day, d.days, d.route.clone(), d.timing.clone())))).collect::<Vec<_>>(), out.remarks.iter().map(|r| r.to_string()).collect::<Vec<_>>());
                    }
                }
                Handed::Problem(p) => println!("{} {p}", f.display()),
                Handed::Dead { problem, .. } => println!("DEAD {} {problem}", f.display()),
            }
            true
        });
    }
    println!("{n} resources {:?}", start.elapsed());
}
