//! Knowing a server by its TLSA records (RFC 6698, RFC 7671, RFC 7672 section 3).
//!
//! DANE-EE names the server's own certificate or key: then neither names nor dates matter, only that the server has
//! the key. DANE-TA names an authority, which must stand in the chain that the server shows (or wholly in the record),
//! and the certificate under it must be valid now and for one of the names. One record that fits is enough. The
//! records of the public authorities (PKIX-TA, PKIX-EE) count for nothing between mail servers.

use std::time::Duration;

use aws_lc_rs::digest;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::client::verify_server_name;
use rustls::server::ParsedCertificate;
use rustls::{Error, RootCertStore};
use rustls_pki_types::{CertificateDer, Der, ServerName, TrustAnchor, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::PROVIDER;
use super::fault::{TlsFault, Untrusted};
use super::verifier::Judges;
use crate::dane::{Dane, Tlsa};
use crate::limits::{CHAIN_CERTIFICATES_MAX, TLSA_RECORDS_MAX};

const DANE_TA: u8 = 2;
const DANE_EE: u8 = 3;

/// Believes who the records name, and nobody else.
#[derive(Debug)]
pub(super) struct ByRecords {
    records: Vec<Tlsa>,
    names: Vec<ServerName<'static>>,
}

impl Judges for ByRecords {
    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Untrusted> {
        if self.records.is_empty() {
            return Err(untrusted(TlsFault::TlsaInvalid, "none of its TLSA records can be used"));
        }
        if self.records.iter().any(|record| record.usage == DANE_EE && record.names(end_entity)) {
            return Ok(());
        }
        let intermediates = intermediates.get(..CHAIN_CERTIFICATES_MAX).unwrap_or(intermediates);
        self.under_an_authority(end_entity, intermediates, now)
    }
}

impl ByRecords {
    pub(super) fn new(dane: &Dane) -> Self {
        let records = dane.records.iter().filter(|one| one.usable()).take(TLSA_RECORDS_MAX).cloned().collect();
        let names = dane.names.iter().filter_map(|name| ServerName::try_from(name.as_str().to_owned()).ok());
        Self { records, names: names.collect() }
    }

    /// By a record of usage DANE-TA. What is answered is the failure that came nearest to success.
    fn under_an_authority(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Untrusted> {
        let anchors = self.anchors(end_entity, intermediates, now)?;
        if anchors.roots.is_empty() {
            let reason = "no TLSA record names its certificate or an authority above it";
            return Err(untrusted(TlsFault::Validation, reason));
        }
        let of = |error: Error| Untrusted::of(&error);
        let parsed = ParsedCertificate::try_from(end_entity).map_err(of)?;
        let algorithms = PROVIDER.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &anchors, intermediates, now, algorithms).map_err(of)?;
        let mut wrong = untrusted(TlsFault::CertificateHostMismatch, "there is no name to know it by");
        for name in &self.names {
            match verify_server_name(&parsed, name) {
                Ok(()) => return Ok(()),
                Err(error) => wrong = of(error),
            }
        }
        Err(wrong)
    }

    /// The authorities that the records name: certificates of the chain, certificates in a record, and bare keys in a
    /// record as the issuer of any certificate of the chain (RFC 7671 section 5.2).
    fn anchors(
        &self,
        end_entity: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<RootCertStore, Untrusted> {
        let mut store = RootCertStore::empty();
        let mut expired = None;
        for record in self.records.iter().filter(|record| record.usage == DANE_TA) {
            for certificate in chain.iter().filter(|one| record.names(one)) {
                match is_valid_at(certificate, now) {
                    true => _ = store.add(certificate.clone().into_owned()),
                    false => expired = Some(untrusted(TlsFault::CertificateExpired, "its authority is out of date")),
                }
            }
            match (record.selector, record.matching) {
                (0, 0) => {
                    let certificate = CertificateDer::from(record.data.clone());
                    if is_valid_at(&certificate, now) {
                        _ = store.add(certificate);
                    }
                }
                (1, 0) => {
                    let issued = std::iter::once(end_entity).chain(chain);
                    store.roots.extend(issued.filter_map(|one| issuer(one, &record.data)));
                }
                _ => {}
            }
        }
        match expired {
            Some(expired) if store.roots.is_empty() => Err(expired),
            _ => Ok(store),
        }
    }
}

impl Tlsa {
    /// Whether this record names this certificate (RFC 6698 section 2.1). One that cannot be read is named by none
    /// that asks for its key.
    fn names(&self, certificate: &CertificateDer<'_>) -> bool {
        let parsed;
        let selected: &[u8] = match self.selector {
            0 => certificate,
            1 => match X509Certificate::from_der(certificate) {
                Ok((_, found)) => {
                    parsed = found;
                    parsed.public_key().raw
                }
                Err(_) => return false,
            },
            _ => return false,
        };
        match self.matching {
            0 => selected == self.data,
            1 => digest::digest(&digest::SHA256, selected).as_ref() == self.data,
            2 => digest::digest(&digest::SHA512, selected).as_ref() == self.data,
            _ => false,
        }
    }
}

fn untrusted(fault: TlsFault, reason: &str) -> Untrusted {
    Untrusted { fault, reason: reason.to_owned() }
}

/// webpki does not ask an anchor for its dates; a certificate that stands in the chain has to keep them
/// (RFC 7672 section 3.1.2).
fn is_valid_at(certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return false };
    let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or(0);
    let validity = parsed.validity();
    let now = Duration::from_secs(now.as_secs()).as_secs();
    seconds(validity.not_before) <= now && now <= seconds(validity.not_after)
}

/// The bare key as the one who issued this certificate; webpki then asks whether it did sign it.
fn issuer(certificate: &CertificateDer<'_>, key: &[u8]) -> Option<TrustAnchor<'static>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let (rest, _) = SubjectPublicKeyInfo::from_der(key).ok()?;
    if !rest.is_empty() {
        return None;
    }
    Some(TrustAnchor {
        subject: Der::from(content(parsed.issuer().as_raw())?.to_vec()),
        subject_public_key_info: Der::from(content(key)?.to_vec()),
        name_constraints: None,
    })
}

/// What stands in a DER sequence: a [`TrustAnchor`] wants it without tag and length.
fn content(sequence: &[u8]) -> Option<&[u8]> {
    let (_, any) = x509_parser::asn1_rs::Any::from_der(sequence).ok()?;
    Some(any.data)
}

#[cfg(test)]
mod tests;
