//! Measurements. `cargo xtask bench-audit` runs them in a release build and reads the lines `figure`, tab, name, tab, value.

use super::entry;
use super::store::{note, patient};
use crate::audit::verify::KeyTrust;
use crate::ids::PatientId;
use crate::stamp::Population;
use crate::store::Store;
use crate::{AuditFilter, AuditKey, Moment, leaf_hash};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Time that this thread had a processor, in nanoseconds: the measure of work where other programs run too.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// Time that all threads of this process had a processor, to a hundredth of a second.
fn process_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // Fields 14 and 15 of the line, in user and in system mode; two stand before what is split here.
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(10 * ticks)
}

/// A size that `cargo xtask bench-audit` sets, for a try with small numbers.
pub(super) fn size(name: &str, usual: i64) -> i64 {
    let set = std::env::var_os(name).and_then(|set| set.to_str()?.parse().ok());
    set.unwrap_or(usual)
}

/// Tells a figure.
pub(super) fn figure(name: &str, value: f64) {
    println!("figure\t{name}\t{value:.4}");
}

#[test]
#[ignore = "takes minutes"]
fn a_million_entries_are_verified() {
    verify_log_of(size("TSUMUGI_BENCH_ENTRIES", 1_000_000));
}

fn verify_log_of(count: i64) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("s.db")).unwrap();
    let begun = Instant::now();
    for thousand in 0..count / 1000 {
        let entries: Vec<_> = (thousand * 1000..(thousand + 1) * 1000).map(entry).collect();
        store.audit_send(&entries).unwrap().wait().unwrap();
    }
    let appended = begun.elapsed();
    let at = Moment::parse("2026-11-23T00:00:00+09:00").unwrap();
    let head = store.sign_tree_head(&AuditKey::from_seed(&[7; 32]), &at).unwrap();
    let sample = AuditFilter {
        limit: 1,
        ..AuditFilter::default()
    };
    let bytes = store.audit_entries(&sample).unwrap()[0].json.len();
    for _ in 0..3 {
        let (begun, busy) = (Instant::now(), processor_time());
        let report = store
            .verify_audit(std::slice::from_ref(&head), KeyTrust::AsCarried)
            .unwrap();
        let (verified, busy) = (begun.elapsed(), processor_time().saturating_sub(busy));
        assert!(
            report.is_whole() && report.entries == count.unsigned_abs(),
            "{report:?}"
        );
        figure("verify.entries", count as f64);
        figure("verify.seconds", verified.as_secs_f64());
        println!(
            "{count} entries of {bytes} bytes: appended in {appended:.1?}, verified in {verified:.2?}, of which the calling thread had a processor for {busy:.2?}"
        );
    }
    let begun = Instant::now();
    let records = store.who_looked(PatientId::new(8), None, 50).unwrap();
    println!("who looked, page of {}: {:.2?}", records.len(), begun.elapsed());
    let begun = Instant::now();
    let proof = store
        .audit_inclusion(records[0].id, count.unsigned_abs())
        .unwrap();
    println!(
        "inclusion proof of {} hashes: {:.2?}",
        proof.len(),
        begun.elapsed()
    );
}

/// What a patient's page is made from: the patient, and the timeline with the notes.
fn page(store: &Store, patient: PatientId) -> usize {
    let record = store.patient(patient).unwrap();
    record.details.name.len() + store.timeline(patient, None, None).unwrap().len()
}

/// Keeps a processor busy, as making the page does: `rounds` hashes of a kilobyte.
fn make_page(rounds: u32) -> u8 {
    let mut bytes = [0; 1024];
    for _ in 0..rounds {
        let hash = leaf_hash(&bytes).0;
        bytes[..32].copy_from_slice(&hash);
    }
    bytes[0]
}

/// How many rounds of `make_page` a millisecond holds on one processor.
fn rounds_a_millisecond() -> u32 {
    let begun = Instant::now();
    std::hint::black_box(make_page(20_000));
    u32::try_from(20_000 * 1_000_000 / begun.elapsed().as_nanos()).unwrap()
}

/// How long each measurement goes on.
const SPAN: Duration = Duration::from_secs(3);

/// Reads with 16 threads; gives pages a second, and the median and 99th percentile of their times.
fn measure(
    store: &Store,
    patients: &[PatientId],
    is_audited: bool,
    rounds: u32,
) -> (f64, Duration, Duration) {
    const THREADS: usize = 16;
    let start = Barrier::new(THREADS);
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let read = |thread: usize| {
            let (start, patients) = (&start, &patients);
            move || {
                start.wait();
                let (begun, mut times, mut number) = (Instant::now(), Vec::new(), thread);
                while begun.elapsed() < SPAN {
                    let asked = Instant::now();
                    assert!(page(store, patients[number % patients.len()]) > 0);
                    // What the server does beside.
                    std::hint::black_box(make_page(rounds));
                    if is_audited {
                        store.audit_read(&entry(i64::try_from(number).unwrap())).unwrap();
                    }
                    times.push(asked.elapsed());
                    number += THREADS;
                }
                times
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(read(thread))).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    times.sort();
    let rate = times.len() as f64 / SPAN.as_secs_f64();
    (rate, times[times.len() / 2], times[times.len() * 99 / 100])
}

#[test]
#[ignore = "prints figures"]
fn sixteen_readers_with_and_without_audit() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("s.db")).unwrap();
    let text = "発熱と咳が続き来院。".repeat(100);
    let patients: Vec<_> = (0..50)
        .map(|number| {
            let patient = patient(&store, Population::Real, &number.to_string());
            for visit in 0..20 {
                store.sign(note(patient, &format!("{visit} {text}"))).unwrap();
            }
            patient
        })
        .collect();
    let a_millisecond = rounds_a_millisecond();
    for work in [0, 500, 1000, 2000] {
        let (rounds, work) = (a_millisecond * work / 1000, format!("{work} us"));
        measure(&store, &patients, false, rounds);
        let before = store.writer_counts();
        // Turn about, so that neither has the quieter machine.
        let mut rates = [Vec::new(), Vec::new()];
        for is_audited in [false, true, true, false] {
            let busy = process_time();
            let (rate, median, slow) = measure(&store, &patients, is_audited, rounds);
            rates[usize::from(is_audited)].push(rate);
            if is_audited {
                figure(&format!("readers.p50-ms.{work}"), median.as_secs_f64() * 1000.0);
            }
            println!(
                "{work} beside reading a page, audit {is_audited}: {rate:.0} pages/s, p50 {median:.2?}, p99 {slow:.2?}, {:.0?} of a processor a page",
                process_time()
                    .saturating_sub(busy)
                    .div_f64(rate * SPAN.as_secs_f64())
            );
        }
        let after = store.writer_counts();
        let mean = |rates: &[f64]| rates.iter().sum::<f64>() / rates.len() as f64;
        figure(
            &format!("readers.ratio.{work}"),
            mean(&rates[1]) / mean(&rates[0]),
        );
        println!(
            "{work} beside reading a page: with audit {:.1} % of without; {:.1} entries a commit",
            100.0 * mean(&rates[1]) / mean(&rates[0]),
            (after.commands - before.commands) as f64 / (after.commits - before.commits) as f64
        );
    }
    assert!(store.verify_audit(&[], KeyTrust::AsCarried).unwrap().is_whole());
}
