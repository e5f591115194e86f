//! What was wrong with a server's TLS, in kinds: what to do next, and what a report to the server's operator calls it
//! (RFC 8460 section 4.3), depend on the kind and not on the text.

use std::fmt;
use std::io;

use rustls::{CertificateError as Rejected, Error};

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TlsFault {
    /// The server offers no STARTTLS, or refused it.
    StartTlsNotSupported,
    /// The certificate is of another time: expired, or not valid yet.
    CertificateExpired,
    /// The certificate is not for the name that was asked for.
    CertificateHostMismatch,
    /// Nobody that we believe vouches for the certificate.
    CertificateNotTrusted,
    /// There are TLSA records, and none of them can be used.
    TlsaInvalid,
    /// The DNS answers about the host are not what its zone signed.
    DnssecInvalid,
    /// DANE was demanded, and there is nothing to do it with.
    DaneRequired,
    /// Anything else, such as a certificate that no TLSA record names.
    Validation,
    /// The handshake did not come to its end: the connection broke, or there was no common ground. Of the certificate
    /// nothing is known.
    Broken,
}

impl TlsFault {
    /// The result type of a TLS report (RFC 8460 section 4.3).
    pub fn result_type(self) -> &'static str {
        match self {
            Self::StartTlsNotSupported => "starttls-not-supported",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateHostMismatch => "certificate-host-mismatch",
            Self::CertificateNotTrusted => "certificate-not-trusted",
            Self::TlsaInvalid => "tlsa-invalid",
            Self::DnssecInvalid => "dnssec-invalid",
            Self::DaneRequired => "dane-required",
            Self::Validation | Self::Broken => "validation-failure",
        }
    }

    /// What rustls's word for it means.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(why) => match why {
                Rejected::Expired
                | Rejected::ExpiredContext { .. }
                | Rejected::NotValidYet
                | Rejected::NotValidYetContext { .. } => Self::CertificateExpired,
                Rejected::NotValidForName | Rejected::NotValidForNameContext { .. } => Self::CertificateHostMismatch,
                Rejected::UnknownIssuer | Rejected::BadSignature | Rejected::Revoked => Self::CertificateNotTrusted,
                // webpki's word for a self-signed certificate that says it may sign others.
                Rejected::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                    Self::CertificateNotTrusted
                }
                _ => Self::Validation,
            },
            _ => Self::Validation,
        }
    }
}

/// A server that is not, by what it shows, the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untrusted {
    /// The kind.
    pub fault: TlsFault,
    /// In words.
    pub reason: String,
}

impl Untrusted {
    pub(super) fn of(error: &Error) -> Self {
        match wrapped(error) {
            Some(ours) => ours.clone(),
            None => Self { fault: TlsFault::of(error), reason: crate::plain::tls(error) },
        }
    }

    /// Wrapped, so that it comes through rustls unchanged.
    pub(super) fn into_rustls(self) -> Error {
        Error::InvalidCertificate(Rejected::Other(rustls::OtherError(std::sync::Arc::new(self))))
    }

    /// What a failed handshake says of the certificate; `None` where it was not about the certificate.
    pub(super) fn in_io(error: &io::Error) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<Error>()?;
        matches!(error, Error::InvalidCertificate(_)).then(|| Self::of(error))
    }
}

fn wrapped(error: &Error) -> Option<&Untrusted> {
    match error {
        Error::InvalidCertificate(Rejected::Other(other)) => other.0.downcast_ref::<Untrusted>(),
        _ => None,
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Untrusted {}
