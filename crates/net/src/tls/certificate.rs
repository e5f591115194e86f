//! Certificates on disk: read, described, and made by ourselves when there is none.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::PROVIDER;

/// How long a certificate lasts that we make ourselves. Nobody verifies it, so its end would only ever surprise.
const SELF_SIGNED_DAYS: u64 = 3650;

/// Where a certificate chain and its private key stand, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// End-entity certificate first, then the intermediates.
    pub chain: PathBuf,
    /// PKCS #8, SEC 1 or PKCS #1.
    pub key: PathBuf,
}

/// What is wrong with a certificate, and in which file: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is no PEM, or not of what we need.
    #[error("{path}: {reason}")]
    Content {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Making(String),
    /// No certificate was given at all.
    #[error("no certificate")]
    None,
}

/// One certificate, ready to be shown to clients.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    /// Lower case; `*.example.org` included.
    pub(super) names: Vec<String>,
    /// `tls-server-end-point` (RFC 5929 section 4.1).
    pub(super) end_point: Option<Vec<u8>>,
    /// When it ends.
    pub(super) not_after: SystemTime,
}

impl CertificateFiles {
    /// Whether both files are there.
    pub fn exist(&self) -> bool {
        self.chain.exists() && self.key.exists()
    }

    /// Makes a self-signed certificate for these names. The key can be read by its owner only. Overwrites nothing: a key
    /// that is there, because an earlier start was interrupted between the two files, gets its certificate now.
    pub fn make_self_signed(&self, names: &[String]) -> Result<(), CertificateError> {
        let making = |error: rcgen::Error| CertificateError::Making(error.to_string());
        let mut params = rcgen::CertificateParams::new(names.to_vec()).map_err(making)?;
        if let Some(name) = names.first() {
            params.distinguished_name.push(rcgen::DnType::CommonName, name.as_str());
        }
        let now = SystemTime::now();
        params.not_before = (now - Duration::from_secs(3600)).into();
        params.not_after = (now + Duration::from_secs(SELF_SIGNED_DAYS * 86_400)).into();
        let key = if self.key.exists() {
            let pem = String::from_utf8_lossy(&read_file(&self.key)?).into_owned();
            let bad =
                |error: rcgen::Error| CertificateError::Content { path: self.key.clone(), reason: error.to_string() };
            rcgen::KeyPair::from_pem(&pem).map_err(bad)?
        } else {
            let key = rcgen::KeyPair::generate().map_err(making)?;
            write_new(&self.key, 0o600, &key.serialize_pem())?;
            key
        };
        let certificate = params.self_signed(&key).map_err(making)?;
        write_new(&self.chain, 0o644, &certificate.pem())
    }

    pub(super) fn read(&self) -> Result<Certificate, CertificateError> {
        let content = |path: &Path, reason: String| CertificateError::Content { path: path.to_owned(), reason };
        let chain_pem = read_file(&self.chain)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain_pem)
            .collect::<Result<_, _>>()
            .map_err(|error| content(&self.chain, error.to_string()))?;
        let first = chain.first().ok_or_else(|| content(&self.chain, "no certificate in this file".into()))?;
        let (_, parsed) = X509Certificate::from_der(first).map_err(|error| content(&self.chain, error.to_string()))?;
        let names = names_of(&parsed);
        let ends = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
        let not_after = SystemTime::UNIX_EPOCH + Duration::from_secs(ends);
        let end_point = end_point_hash(first);
        let key = PrivateKeyDer::from_pem_slice(&read_file(&self.key)?)
            .map_err(|error| content(&self.key, format!("no private key in this file: {error}")))?;
        let key = CertifiedKey::from_der(chain, key, &PROVIDER)
            .map_err(|error| content(&self.key, format!("the key does not fit the certificate: {error}")))?;
        Ok(Certificate { key: Arc::new(key), names, end_point, not_after })
    }

    /// Changes when a file changes.
    pub(super) fn stamp(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.chain, &self.key].map(|path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(path).map_err(|error| CertificateError::File { path: path.to_owned(), error })
}

/// The file is there whole or not at all, whenever the program ends.
fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), CertificateError> {
    let write = || {
        let mut draft = path.as_os_str().to_owned();
        draft.push(".new");
        // One that was left behind may have been made with another mode.
        let _ = std::fs::remove_file(&draft);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        let linked = std::fs::hard_link(&draft, path);
        std::fs::remove_file(&draft)?;
        linked?;
        path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
    };
    write().map_err(|error| CertificateError::File { path: path.to_owned(), error })
}

fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let names = alternative.iter().flat_map(|extension| &extension.value.general_names);
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

/// The hash of a certificate that RFC 5929 section 4.1 names: by the hash function of its signature, SHA-256 in place
/// of MD5 and SHA-1; none for signatures that have no such function.
pub(super) fn end_point_hash(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    const SHA384: [&str; 2] = ["1.2.840.113549.1.1.12", "1.2.840.10045.4.3.3"];
    const SHA512: [&str; 2] = ["1.2.840.113549.1.1.13", "1.2.840.10045.4.3.4"];
    const SHA256_OR_LESS: [&str; 5] = [
        "1.2.840.113549.1.1.11",
        "1.2.840.10045.4.3.2",
        "1.2.840.113549.1.1.5",
        "1.2.840.113549.1.1.4",
        "1.2.840.10045.4.1",
    ];
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let oid = parsed.signature_algorithm.algorithm.to_id_string();
    let algorithm = match oid.as_str() {
        oid if SHA256_OR_LESS.contains(&oid) => &digest::SHA256,
        oid if SHA384.contains(&oid) => &digest::SHA384,
        oid if SHA512.contains(&oid) => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, certificate).as_ref().to_vec())
}
