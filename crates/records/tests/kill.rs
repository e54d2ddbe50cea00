//! Kills the writing process, takes its disk away, and looks at what is left.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::path::Path;
    use std::process::{Child, ChildStdout, Command, Output, Stdio};
    use std::thread;
    use std::time::Duration;

    const HELPER: &str = env!("CARGO_BIN_EXE_records-crash");

    #[expect(
        clippy::disallowed_methods,
        reason = "the number of kills is set from outside"
    )]
    fn kills() -> u64 {
        std::env::var("TSUMUGI_KILLS")
            .ok()
            .and_then(|kills| kills.parse().ok())
            .unwrap_or(5)
    }

    fn writing(store: &Path, from: u64) -> Child {
        let mut command = Command::new(HELPER);
        command
            .arg("write")
            .arg(store)
            .args(["--from", &from.to_string(), "--checkpoint", "40"]);
        command.stdout(Stdio::piped()).spawn().unwrap()
    }

    /// Opens what is left, and gives the one line about it.
    fn check(store: &Path, acknowledged: &str) -> Output {
        check_with("check", store, acknowledged)
    }

    fn check_with(how: &str, store: &Path, acknowledged: &str) -> Output {
        let mut command = Command::new(HELPER);
        let mut child = command
            .arg(how)
            .arg(store)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(acknowledged.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    }

    fn assert_whole(store: &Path, acknowledged: &str) {
        let output = check(store, acknowledged);
        let report = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{report}");
        let numbers = acknowledged.lines().count();
        assert!(
            report.contains(&format!("\"acknowledged\":{numbers},")),
            "{report}"
        );
    }

    /// Whole lines only: the last one may be cut off.
    fn lines(output: ChildStdout) -> String {
        let mut all = String::new();
        BufReader::new(output).read_to_string(&mut all).unwrap();
        let whole = all.rfind('\n').map_or(0, |end| end + 1);
        all.truncate(whole);
        all
    }

    #[test]
    fn what_was_acknowledged_outlives_a_kill() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("s.db");
        let mut acknowledged = String::new();
        // Numbers that differ from run to run, without a clock: where the system put the process.
        let mut random = u64::from(std::process::id());
        let mut round = 0;
        // On a slow machine the first processes may die before they have written anything.
        while round < kills() || (acknowledged.lines().count() <= 10 && round < 200) {
            let mut child = writing(&store, round * 1_000_000 + 1);
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let wait = Duration::from_millis(20 + (random >> 33) % 250);
            let output = child.stdout.take().unwrap();
            let reader = thread::spawn(move || lines(output));
            thread::sleep(wait);
            child.kill().unwrap();
            child.wait().unwrap();
            acknowledged.push_str(&reader.join().unwrap());
            assert_whole(&store, &acknowledged);
            round += 1;
        }
        assert!(acknowledged.lines().count() > 10, "{acknowledged}");
    }

    #[test]
    fn an_import_that_is_killed_and_run_again_loses_nothing_and_keeps_nothing_twice() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("s.db");
        let mut acknowledged = String::new();
        let mut random = u64::from(std::process::id()).wrapping_add(7);
        let mut round = 0;
        while round < kills() || (acknowledged.lines().count() <= 10 && round < 200) {
            let mut child = Command::new(HELPER)
                .arg("receive")
                .arg(&store)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let output = child.stdout.take().unwrap();
            let reader = thread::spawn(move || lines(output));
            thread::sleep(Duration::from_millis(50 + (random >> 33) % 300));
            child.kill().unwrap();
            child.wait().unwrap();
            acknowledged.push_str(&reader.join().unwrap());
            let output = check_with("check-received", &store, &acknowledged);
            assert!(
                output.status.success(),
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            round += 1;
        }
        assert!(acknowledged.lines().count() > 10, "{acknowledged}");
        // The check notices what is lost.
        let output = check_with("check-received", &store, "999999\n");
        assert!(!output.status.success());
    }

    #[test]
    fn the_check_notices_what_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("s.db");
        let mut child = writing(&store, 1);
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!check(&store, &format!("{first}999999\n")).status.success());
    }

    #[cfg(unix)]
    #[test]
    fn a_limit_on_the_files_size_loses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("s.db");
        // A first store, so that the limit meets the notes and not the tables.
        assert_whole(&store, "");
        let blocks = fs::metadata(&store).unwrap().len() / 512 + 400;
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" write \"$1\"");
        let mut child = Command::new("sh")
            .args(["-c", &script, HELPER])
            .arg(&store)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let acknowledged = lines(child.stdout.take().unwrap());
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.success() && message.contains("full; problems: []"),
            "{message}"
        );
        assert_whole(&store, &acknowledged);
        assert!(!acknowledged.is_empty());
    }
}
