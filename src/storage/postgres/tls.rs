//! Encryption of the connection to a server.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::StorageError;
use super::Address;

/// Makes connections that are encrypted. The server's certificate is verified if the address asks
/// for it.
pub(super) fn connector(address: &Address) -> Result<MakeRustlsConnect, StorageError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(address, error))?
        .dangerous();
    let verifier: Arc<dyn ServerCertVerifier> = match address.must_verify {
        true => WebPkiServerVerifier::builder_with_provider(roots(address)?, provider)
            .build()
            .map_err(|error| wrong(address, error))?,
        false => Arc::new(AnyServer(provider)),
    };
    Ok(MakeRustlsConnect::new(builder.with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

fn wrong(address: &Address, error: impl std::fmt::Display) -> StorageError {
    StorageError::Unreachable { place: address.to_string(), problem: format!("TLS: {error}") }
}

/// The root certificates in the file that the address names, or those that browsers trust.
fn roots(address: &Address) -> Result<Arc<RootCertStore>, StorageError> {
    let mut roots = RootCertStore::empty();
    match &address.root_certificate {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let wrong = |problem: String| StorageError::AccessFile { path: file.clone(), problem };
            let certificates = CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| wrong(format!("no certificates in PEM: {error}")))?;
            for certificate in certificates {
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            }
        }
    }
    Ok(Arc::new(roots))
}

/// Accepts any certificate, as libpq (PostgreSQL's own client library) does by default. The
/// connection is encrypted, but the identity of the server is not checked.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
