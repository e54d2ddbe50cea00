//! The secrets that other systems share with this one: files in the folder of the store that only its owner reads.

use super::SystemEntropy;
use anyhow::{Context as _, bail};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tsumugi_access::{Entropy as _, LaunchKey};

/// Signs launch links.
const LAUNCH: &str = "launch.key";
/// Admits the hospital's system to the services.
const SERVICES: &str = "services.token";
/// Bytes of a secret.
const LENGTH: usize = 32;

/// The secrets of an installation.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// Signs launch links.
    pub(crate) launch: LaunchKey,
    services: String,
}

impl Keys {
    /// Reads the secrets; makes those that are not there yet, with mode 0600.
    ///
    /// # Errors
    /// When a file cannot be read or made, holds something else, or others may read it.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let launch = secret(&folder.join(LAUNCH))?;
        let launch = LaunchKey::new(launch.as_bytes()).context("the launch key is too short")?;
        Ok(Self {
            launch,
            services: secret(&folder.join(SERVICES))?,
        })
    }

    /// Secrets that are nowhere kept, for tests.
    #[cfg(test)]
    pub(crate) fn drawn() -> Self {
        let services = draw().unwrap();
        Self {
            launch: LaunchKey::new(draw().unwrap().as_bytes()).unwrap(),
            services,
        }
    }

    /// The token of the hospital's system, for tests.
    #[cfg(test)]
    pub(crate) fn services_token(&self) -> &str {
        &self.services
    }

    /// Where the secrets are.
    pub(crate) fn files(folder: &Path) -> [PathBuf; 2] {
        [folder.join(LAUNCH), folder.join(SERVICES)]
    }

    /// Whether a header `Authorization` is the hospital's system, compared in constant time.
    pub(crate) fn admits(&self, header: Option<&str>) -> bool {
        let given = header
            .and_then(|header| header.strip_prefix("Bearer "))
            .unwrap_or_default()
            .trim();
        let same_length = given.len() == self.services.len();
        let pairs = given.bytes().zip(self.services.bytes());
        let differing = pairs.fold(0_u8, |sum, (a, b)| sum | (a ^ b));
        same_length && std::hint::black_box(differing) == 0
    }
}

fn draw() -> anyhow::Result<String> {
    let mut bytes = [0; LENGTH];
    SystemEntropy.fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    }))
}

fn secret(path: &Path) -> anyhow::Result<String> {
    let place = path.display();
    match std::fs::read_to_string(path) {
        Ok(text) => {
            refuse_open(path)?;
            let text = text.trim();
            if text.len() < 2 * LENGTH || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                bail!("{place}: at least {} hexadecimal digits are wanted", 2 * LENGTH);
            }
            Ok(text.to_owned())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = draw()?;
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let written = options
                .open(path)
                .and_then(|mut file| writeln!(file, "{text}").and_then(|()| file.sync_all()));
            written.with_context(|| format!("{place}: cannot be written"))?;
            Ok(text)
        }
        Err(error) => Err(error).with_context(|| format!("{place}: cannot be read")),
    }
}

/// Refuses a secret that others may read.
fn refuse_open(path: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let place = path.display();
        let mode = std::fs::metadata(path)
            .with_context(|| format!("{place}: cannot be read"))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            bail!(
                "{place}: others may read it (mode {:03o}); chmod 600 it and draw a new one if they did",
                mode & 0o777
            );
        }
    }
    Ok(())
}
