//! The built binary on a fresh store with dummies, people who can sign in, and a small client for it.

use anyhow::{Context as _, Result, bail, ensure};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The password of everybody.
const PASSWORD: &str = "kiri-no-naka-7:bashi";
/// Where people work.
const DEPARTMENT: &str = "internal";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// Somebody with an account.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// Role, which is the name for signing in too.
    pub(crate) role: &'static str,
    /// The header that shows the session, or the token.
    pub(crate) header: String,
}

/// A running server.
pub(crate) struct Site {
    child: Child,
    folder: PathBuf,
    /// Host and port.
    pub(crate) address: String,
    links: Vec<(&'static str, String)>,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: String,
    /// Its body.
    pub(crate) body: String,
}

/// The built binary: the one that is named, else the release build, else the debug build.
///
/// # Errors
/// When there is none.
pub(crate) fn built(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        ensure!(named.is_file(), "{}: there is no such file", named.display());
        return Ok(named.to_owned());
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
    let name = format!("tsumugi{}", std::env::consts::EXE_SUFFIX);
    let mut found = ["release", "debug"]
        .iter()
        .map(|profile| target.join(profile).join(&name));
    match found.find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => bail!(
            "no built tsumugi: run cargo build --release -p tsumugi-server, or name it with --binary PATH"
        ),
    }
}

impl Site {
    /// Starts the server on a new store in `folder`, with dummies, an account a role, and notes that `sign` reads
    /// (lines of JSON) after the dummies.
    ///
    /// # Errors
    /// When the binary does not do what it is told.
    pub(crate) fn start(binary: &Path, folder: &Path, roles: &[&'static str], notes: &str) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let mut links = Vec::new();
        for role in roles {
            let words = [
                "account",
                "add",
                "--user",
                role,
                "--name",
                role,
                "--role",
                role,
                "--department",
                DEPARTMENT,
            ];
            let said = run(binary, folder, &words, "")?;
            let said: serde_json::Value = serde_json::from_str(&said)?;
            let link = said.get("set_password").and_then(serde_json::Value::as_str);
            let link = link.and_then(|link| link.split_once("token="));
            links.push((*role, link.context("no link for a password")?.1.to_owned()));
        }
        let (mut child, mut address) = serve(binary, folder)?;
        if !notes.is_empty() {
            // A store with patients gets no dummies: they come first.
            child.kill()?;
            child.wait()?;
            run(binary, folder, &["sign"], notes)?;
            (child, address) = serve(binary, folder)?;
        }
        Ok(Self {
            child,
            folder: folder.to_owned(),
            address,
            links,
        })
    }

    /// Whether the server still runs.
    pub(crate) fn is_up(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Who has the hospital's token.
    pub(crate) fn service(&self) -> Result<Person> {
        let path = self.folder.join("services.token");
        let token = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(Person {
            role: "service",
            header: format!("Authorization: Bearer {}", token.trim()),
        })
    }

    /// Sets the password of a role's account and signs in, with a second factor where it is wanted.
    pub(crate) fn sign_in(&self, role: &str, second_factor: bool) -> Result<Person> {
        let link = self.links.iter().find(|(known, _)| *known == role);
        let (role, token) = link.with_context(|| format!("nobody is {role}"))?;
        let form = format!("token={token}&password={PASSWORD}&again={PASSWORD}");
        let set = self.post("/set-password", "", &form)?;
        ensure!(
            set.status == 303,
            "the password of {role} was not set: {}",
            set.head
        );
        let form = format!("user={role}&password={PASSWORD}");
        let mut header = self.post("/sign-in", "", &form)?.cookie()?;
        if second_factor {
            let page = self.post(
                "/account/second-factor",
                &header,
                &format!("factor-present={PASSWORD}"),
            )?;
            let secret = page
                .body
                .split("class=\"secret\">")
                .nth(1)
                .and_then(|rest| rest.split('<').next());
            let secret = secret.context("no secret for a second factor")?.replace(' ', "");
            let confirm = format!("code={}", code(&secret, 0)?);
            let confirmed = self.post("/account/second-factor/confirm", &header, &confirm)?;
            ensure!(
                confirmed.status == 200,
                "the second factor was not confirmed: {}",
                confirmed.head
            );
            header = self.post("/sign-in", "", &form)?.cookie()?;
            let second = self.post("/second-factor", &header, &format!("code={}", code(&secret, 1)?))?;
            header = second.cookie()?;
        }
        Ok(Person { role, header })
    }

    /// Sends a form.
    pub(crate) fn post(&self, path: &str, header: &str, form: &str) -> Result<Answer> {
        self.send("POST", path, &format!("{}{FORM}", line(header)), form)
    }

    /// Asks for a page.
    pub(crate) fn get(&self, path: &str, header: &str) -> Result<Answer> {
        self.send("GET", path, &line(header), "")
    }

    fn send(&self, method: &str, path: &str, lines: &str, body: &str) -> Result<Answer> {
        let address = &self.address;
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let length = body.len();
        stream.write_all(
            format!(
                "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{lines}Content-Length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        )?;
        let mut raw = Vec::new();
        stream.read_to_end(&mut raw)?;
        Answer::read(&raw)
    }
}

impl Answer {
    /// Reads what came.
    pub(crate) fn read(raw: &[u8]) -> Result<Self> {
        let raw = String::from_utf8_lossy(raw);
        let (head, body) = raw
            .split_once("\r\n\r\n")
            .context("the server answered nothing")?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok(Self {
            status: status.context("no status")?,
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }

    /// The session that an answer gives, as a header.
    fn cookie(&self) -> Result<String> {
        let line = self
            .head
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = line.and_then(|line| line.split(';').next());
        let cookie = cookie.with_context(|| format!("nobody was signed in: {}", self.head))?;
        Ok(format!("Cookie: {cookie}"))
    }
}

fn line(header: &str) -> String {
    if header.is_empty() {
        String::new()
    } else {
        format!("{header}\r\n")
    }
}

fn run(binary: &Path, folder: &Path, words: &[&str], input: &str) -> Result<String> {
    let mut child = Command::new(binary)
        .args(words)
        .arg("--data")
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| binary.display().to_string())?;
    // What is sent is short: the pipe holds it.
    child
        .stdin
        .take()
        .context("no way in")?
        .write_all(input.as_bytes())?;
    let done = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{}: {said}", words.join(" "));
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

fn serve(binary: &Path, folder: &Path) -> Result<(Child, String)> {
    let mut child = Command::new(binary)
        .args(["serve", "--addr", "127.0.0.1:0", "--dummies", "--data"])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| binary.display().to_string())?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no way out")?).read_line(&mut line)?;
    let address = line
        .trim()
        .split_once("://")
        .context("the server told no address")?
        .1;
    Ok((child, address.to_owned()))
}

/// The code of an authenticator (RFC 6238) some steps of half a minute from now.
fn code(secret: &str, steps: u64) -> Result<String> {
    #[expect(clippy::disallowed_methods, reason = "a device has a clock")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let key = base32(secret).context("the secret is no base 32")?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&key)?;
    mac.update(&(now / 30 + steps).to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest.last().copied().unwrap_or(0) & 15);
    let bytes = digest.iter().skip(offset).take(4);
    let number = bytes.fold(0_u32, |number, byte| (number << 8) | u32::from(*byte)) & 0x7fff_ffff;
    Ok(format!("{:06}", number % 1_000_000))
}

fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        held = (held << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// A value of a sorted list such that this part of the list is not above it.
pub(crate) fn percentile(sorted: &[Duration], part: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    #[expect(clippy::cast_sign_loss, reason = "a part of a length is not negative")]
    let index = ((sorted.len() as f64 * part) as usize).min(last);
    sorted.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_as_authenticators_do() {
        // RFC 4648, section 10.
        for (text, want) in [("", ""), ("MY======", "f"), ("MZXW6YTBOI======", "foobar")] {
            assert_eq!(base32(text).unwrap(), want.as_bytes());
        }
        assert!(base32("0189").is_none());
        assert_eq!(code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 0).unwrap().len(), 6);
    }

    #[test]
    fn percentiles_are_values_of_the_list() {
        let list: Vec<Duration> = (0..100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&list, 0.5), Duration::from_millis(50));
        assert_eq!(percentile(&list, 0.99), Duration::from_millis(99));
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }
}
