//! `serve --watch`: what is put into a folder is in promptly, what no notice told of is found by the sweep, and the
//! conditions of an SS-MIX2 storage are followed.
#![cfg(target_os = "linux")]

use crate::common::BINARY;
use crate::exchange::kept;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tsumugi_records::{Population, Store};

/// Longest time until a file is in: a second, and more for a build that is not made for speed.
const PROMPT: Duration = Duration::from_millis(if cfg!(debug_assertions) { 4000 } else { 1000 });

struct Watching {
    child: Child,
    store: Store,
}

impl Watching {
    fn start(data: &Path, watch: &str, every: &str) -> Self {
        let mut child = Command::new(BINARY)
            .args([
                "serve",
                "--addr",
                "127.0.0.1:0",
                "--watch",
                watch,
                "--watch-every",
                every,
                "--data",
            ])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut String::new()).unwrap();
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        // The watchers start with the screens; a moment until they listen.
        std::thread::sleep(Duration::from_millis(1500));
        let store = Store::open_read_only(data.join("tsumugi.sqlite3")).unwrap();
        Self { child, store }
    }

    /// Number of statements of a patient, and of events that count.
    fn of(&self, number: &str) -> (usize, usize) {
        let Some(id) = self.store.find_patient(Population::Real, number).unwrap() else {
            return (0, 0);
        };
        (
            self.store.received(id).unwrap().len(),
            self.store.current_events(id).unwrap().len(),
        )
    }

    /// Waits until a patient's record is as it shall be, and tells how long that took.
    #[track_caller]
    fn until(&self, number: &str, longest: Duration, is_so: impl Fn((usize, usize)) -> bool) -> Duration {
        let begun = Instant::now();
        loop {
            let found = self.of(number);
            if is_so(found) {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < longest, "after {longest:?} it is {found:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn message(patient: u32) -> String {
    format!(
        "MSH|^~\\&|LAB|HOSP|TSUMUGI|HOSP|20260401103000||ORU^R01^ORU_R01|M1|P|2.5\rPID|1||{patient}^^^^PI||Watch^A||19650415|M\r\
         ORC|RE|7|F7\rOBR|1|7|F7|718-7^Hb^LN|||202604010900|||||||||||||||202604011000\r\
         OBX|1|NM|718-7^Hb^LN||11.0|g/dL|13.7-16.8||||F\r"
    )
}

#[test]
fn a_file_is_in_within_a_moment_of_its_coming() {
    let work = tempfile::tempdir().unwrap();
    let (data, folder) = (work.path().join("data"), work.path().join("in"));
    fs::create_dir_all(&folder).unwrap();
    // The sweep comes in an hour: whatever is in before that, a notice told of.
    let watching = Watching::start(&data, &format!("{}:hl7", folder.display()), "3600");
    fs::write(folder.join("1.hl7"), message(501)).unwrap();
    let took = watching.until("501", PROMPT, |found| found.0 == 1 && found.1 > 0);
    println!("written: in after {took:?}");
    fs::create_dir_all(folder.join("new/deep")).unwrap();
    fs::write(folder.join("new/deep/2.hl7"), message(502)).unwrap();
    watching.until("502", PROMPT, |found| found.0 == 1);
    fs::write(work.path().join("3.hl7"), message(503)).unwrap();
    fs::rename(work.path().join("3.hl7"), folder.join("3.hl7")).unwrap();
    watching.until("503", PROMPT, |found| found.0 == 1);
}

#[test]
fn what_no_notice_told_of_is_found_by_the_sweep() {
    let work = tempfile::tempdir().unwrap();
    let (data, folder) = (work.path().join("data"), work.path().join("in"));
    fs::create_dir_all(&folder).unwrap();
    let watching = Watching::start(&data, &format!("{}:hl7", folder.display()), "1");
    // It stays open, so that no notice says that it was written.
    let mut open = fs::File::create(folder.join("1.hl7")).unwrap();
    open.write_all(message(504).as_bytes()).unwrap();
    open.sync_all().unwrap();
    watching.until("504", Duration::from_secs(15), |found| found.0 == 1);
    drop(open);
}

#[test]
fn conditions_of_a_storage_take_back_and_replace() {
    const DAY: &str = "999/990/9999901/20260401/OML-11";
    let name =
        |time: &str, condition: u8| format!("9999901_20260401_OML-11_000000000000354_{time}_01_{condition}");
    let work = tempfile::tempdir().unwrap();
    let (data, folder) = (work.path().join("data"), work.path().join("storage"));
    let day = folder.join(DAY);
    fs::create_dir_all(&day).unwrap();
    let watching = Watching::start(&data, &folder.display().to_string(), "3600");
    let (first, second) = ("20260401103000123", "20260401120000000");
    let source = kept(&format!("ssmix2/storage/{DAY}/{}", name(first, 1)));
    fs::copy(&source, day.join(name(first, 1))).unwrap();
    watching.until("9999901", PROMPT, |found| found.0 == 1 && found.1 > 0);
    let events = watching.of("9999901").1;
    // 0: it is taken back.
    fs::rename(day.join(name(first, 1)), day.join(name(first, 0))).unwrap();
    watching.until("9999901", PROMPT, |found| found == (2, 0));
    // A later one of the same order holds again.
    fs::copy(&source, day.join(name(second, 1))).unwrap();
    watching.until("9999901", PROMPT, |found| found == (3, events));
    // 2: a newer one replaced it.
    fs::rename(day.join(name(second, 1)), day.join(name(second, 2))).unwrap();
    watching.until("9999901", PROMPT, |found| found == (4, 0));
}
