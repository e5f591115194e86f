//! Our side's checks of a server, as rustls asks for them: whom to believe says a judge, and that the handshake was signed
//! with the certificate's own key is asked in every case. Whoever believes everybody still talks to the one whose
//! certificate was shown.

use std::fmt::Debug;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::PROVIDER;
use super::fault::Untrusted;

/// Whom to believe. The name that was asked for is the judge's own matter.
pub(super) trait Judges: Debug + Send + Sync + 'static {
    /// The server's certificate, and those that it showed beside it.
    ///
    /// # Errors
    /// Why the server is not believed.
    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Untrusted>;
}

/// A judge, as rustls wants one.
#[derive(Debug)]
pub(super) struct Verifier<J>(J);

impl<J: Judges> Verifier<J> {
    pub(super) fn of(judge: J) -> Arc<Self> {
        Arc::new(Self(judge))
    }
}

impl<J: Judges> ServerCertVerifier for Verifier<J> {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.0.judge(end_entity, intermediates, now);
        judged.map(|()| ServerCertVerified::assertion()).map_err(Untrusted::into_rustls)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &PROVIDER.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &PROVIDER.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}
