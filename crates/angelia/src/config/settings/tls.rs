//! Certificates: ours, and whom we believe.

use std::path::{Path, PathBuf};

use net::CertificateFiles;

use super::reader::Reader;

/// Certificates, ours and whom we believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Those of the file, or the one in the data folder.
    pub certificates: Vec<CertificateFiles>,
    /// Whether we make the certificate ourselves when it is not there.
    pub self_signed: bool,
    /// Further authorities.
    pub authorities: Vec<PathBuf>,
}

impl Reader<'_> {
    pub(super) fn tls(&mut self, data: Option<&Path>) -> TlsSettings {
        let chains = self.paths("tls.certificate");
        let keys = self.paths("tls.key");
        let authorities = self.paths("tls.authorities");
        if chains.len() != keys.len() {
            let text = format!("there are {} certificates and {} keys; each needs the other", chains.len(), keys.len());
            self.problem_beside("tls.key", 0, "tls.certificate", &text);
        }
        if chains.is_empty() {
            let folder = data.unwrap_or(self.folder).join("tls");
            let own = CertificateFiles { chain: folder.join("certificate.pem"), key: folder.join("key.pem") };
            return TlsSettings { certificates: vec![own], self_signed: true, authorities };
        }
        let pairs = chains.into_iter().zip(keys);
        let certificates = pairs.map(|(chain, key)| CertificateFiles { chain, key }).collect();
        TlsSettings { certificates, self_signed: false, authorities }
    }
}
