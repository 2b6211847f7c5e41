//! An instance: a name, and what derives from it. Two checkouts, or two names, never meet.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::checkout::Checkout;

/// Where state and caches live, by the XDG base directory specification.
#[derive(Args, Clone)]
pub(crate) struct Homes {
    #[arg(long, global = true, env = "XDG_STATE_HOME", hide = true)]
    state_home: Option<PathBuf>,
    #[arg(long, global = true, env = "XDG_CACHE_HOME", hide = true)]
    cache_home: Option<PathBuf>,
}

impl Homes {
    /// The folder that holds the state of all instances of all checkouts.
    pub(crate) fn state(&self) -> anyhow::Result<PathBuf> {
        Self::below(self.state_home.as_deref(), ".local/state")
    }

    /// The folder of what can be made anew at the cost of time alone.
    pub(crate) fn cache(&self) -> anyhow::Result<PathBuf> {
        Self::below(self.cache_home.as_deref(), ".cache")
    }

    fn below(configured: Option<&Path>, default: &str) -> anyhow::Result<PathBuf> {
        let base = match configured {
            Some(path) if path.is_absolute() => path.to_path_buf(),
            _ => std::env::home_dir().context("failed to find the home directory")?.join(default),
        };
        Ok(base.join("smb-copilot"))
    }
}

/// Ports of 127.0.0.1 that lead into the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    /// The Kubernetes API.
    pub(crate) kubernetes: u16,
    /// REST and GraphQL.
    pub(crate) api: u16,
    /// A temporary Postgres, for tests.
    pub(crate) postgres: u16,
}

/// One local system.
#[derive(Clone)]
pub(crate) struct Instance {
    /// As given by the user: `dev`.
    pub(crate) name: String,
    /// The folder of all that it keeps.
    pub(crate) dir: PathBuf,
    /// Shared by all instances: roots of images.
    pub(crate) cache: PathBuf,
    checkout: PathBuf,
    seed: u16,
}

/// What an instance's folder says about it, for a later `up` of whatever checkout.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    /// The checkout that it belongs to.
    pub(crate) checkout: PathBuf,
    /// Its ports, kept for as long as the folder exists.
    pub(crate) ports: Ports,
}

/// Below the ports that the kernel hands out itself (32768 and up on Linux).
const FIRST_PORT: u16 = 20_000;
const PORT_BLOCKS: u16 = 3_000;
const BLOCK: u16 = 4;

impl Instance {
    /// Errors: the name is none that Kubernetes could bear.
    pub(crate) fn new(checkout: &Checkout, homes: &Homes, name: &str) -> anyhow::Result<Self> {
        let fits = (1..=20).contains(&name.len())
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !fits {
            bail!(
                "--instance {name:?} must be 1 to 20 lower-case letters, digits and hyphens, a letter first"
            );
        }
        let digest = Sha256::digest(checkout.root.as_os_str().as_encoded_bytes());
        let hash = hex::encode(digest.get(..4).unwrap_or_default());
        let seed = Sha256::digest(format!("{hash}/{name}"))
            .iter()
            .fold(0_u16, |seed, byte| seed.wrapping_mul(31).wrapping_add(u16::from(*byte)));
        Ok(Self {
            name: name.to_owned(),
            dir: homes.state()?.join(format!("{name}-{hash}")),
            cache: homes.cache()?,
            checkout: checkout.root.clone(),
            seed,
        })
    }

    /// The folder that belongs to the Kubernetes node (and to root).
    pub(crate) fn kube_state(&self) -> PathBuf {
        self.dir.join("kube")
    }

    /// An administrator's kubeconfig that belongs to the user.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    /// The log of a command of xtask.
    pub(crate) fn log(&self, command: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{command}.log"))
    }

    /// The ports, chosen at the first call and kept from then on.
    pub(crate) fn ports(&self) -> anyhow::Result<Ports> {
        if let Some(record) = read_record(&self.dir)? {
            return Ok(record.ports);
        }
        let ports = choose_ports(self.seed)?;
        self.write_record(&Record { checkout: self.checkout.clone(), ports })?;
        Ok(ports)
    }

    fn write_record(&self, record: &Record) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.dir)
            .with_context(|| format!("failed to create {}", self.dir.display()))?;
        let path = self.dir.join(RECORD);
        std::fs::write(&path, serde_json::to_vec_pretty(record)?)
            .with_context(|| format!("failed to write {}", path.display()))
    }
}

const RECORD: &str = "instance.json";

/// What the folder of an instance says; `None` if it is not one.
pub(crate) fn read_record(dir: &Path) -> anyhow::Result<Option<Record>> {
    let path = dir.join(RECORD);
    match std::fs::read(&path) {
        Ok(text) => Ok(Some(
            serde_json::from_slice(&text).with_context(|| format!("failed to parse {}", path.display()))?,
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read {}", path.display())),
    }
}

/// The first free block from the seed on, so that the same instance mostly gets the same ports.
fn choose_ports(seed: u16) -> anyhow::Result<Ports> {
    (0..PORT_BLOCKS)
        .map(|step| FIRST_PORT + (seed % PORT_BLOCKS + step) % PORT_BLOCKS * BLOCK)
        .map(|base| Ports { kubernetes: base, api: base + 1, postgres: base + 2 })
        .find(|ports| [ports.kubernetes, ports.api, ports.postgres].into_iter().all(free))
        .context("failed to find three free ports between 20000 and 32000")
}

fn free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::Profile;

    fn instance(checkout: &str, name: &str) -> anyhow::Result<Instance> {
        let checkout = Checkout { root: checkout.into(), target: "/nowhere".into(), profile: Profile::Dev };
        let homes = Homes { state_home: Some("/state".into()), cache_home: Some("/cache".into()) };
        Instance::new(&checkout, &homes, name)
    }

    /// Two checkouts would otherwise end each other's cluster.
    #[test]
    fn the_same_name_in_two_checkouts_is_two_instances() {
        let (mine, yours) = (instance("/mine", "dev").unwrap(), instance("/yours", "dev").unwrap());
        assert_ne!(mine.dir, yours.dir);
        assert_ne!(mine.seed, yours.seed);
        assert_eq!(mine.dir, instance("/mine", "dev").unwrap().dir);
    }

    /// A name with a slash would lead out of the state folder.
    #[test]
    fn a_name_that_is_no_label_is_refused() {
        for name in ["", "Dev", "../x", "1a", "a-name-that-is-far-too-long"] {
            assert!(instance("/mine", name).is_err(), "{name}");
        }
    }

    /// A port in use makes `up` fail at boot.
    #[test]
    fn a_taken_block_is_passed_over() {
        let first = choose_ports(7).unwrap();
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first.api)).unwrap();
        assert_ne!(choose_ports(7).unwrap(), first);
    }
}
