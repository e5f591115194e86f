//! The lab's certificate authority: made once in a folder, it signs a certificate for each office at each start. Whoever
//! wants to talk to the lab believes `ca.pem`; nobody else has to.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use super::plan::Plan;

/// The authority outlives the patience of anybody who keeps a lab.
const AUTHORITY_LIFE: Duration = Duration::from_secs(3650 * 86_400);
/// Programs refuse certificates of more than 825 days, and these are made anew at each start.
const CERTIFICATE_LIFE: Duration = Duration::from_secs(365 * 86_400);
/// Clocks may differ, even on one machine with its containers.
const HEAD_START: Duration = Duration::from_secs(3600);

/// Makes what is missing of the authority, and the offices' certificates.
pub(super) fn provide(plan: &Plan) -> anyhow::Result<()> {
    let key_file = plan.folder.join("ca.key");
    if !plan.authority.exists() || !key_file.exists() {
        let key = KeyPair::generate()?;
        let certificate = authority()?.self_signed(&key)?;
        write_private(&key_file, &key.serialize_pem())?;
        fs::write(&plan.authority, certificate.pem()).with_context(|| plan.authority.display().to_string())?;
    }
    let key =
        KeyPair::from_pem(&read(&key_file)?).context("the lab's key: remove the lab's folder to make a new one")?;
    let issuer = Issuer::from_ca_cert_pem(&read(&plan.authority)?, key)?;
    for office in plan.offices() {
        let names =
            vec![office.hostname.clone(), office.domain.to_string(), "localhost".to_owned(), office.ip.to_string()];
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, office.hostname.as_str());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        limit(&mut params, CERTIFICATE_LIFE);
        let own = KeyPair::generate()?;
        let certificate = params.signed_by(&own, &issuer)?;
        write_private(&office.folder.join("key.pem"), &own.serialize_pem())?;
        fs::write(office.folder.join("certificate.pem"), certificate.pem())?;
    }
    Ok(())
}

fn authority() -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, "Angelia lab");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    limit(&mut params, AUTHORITY_LIFE);
    Ok(params)
}

fn limit(params: &mut CertificateParams, life: Duration) {
    let now = SystemTime::now();
    params.not_before = (now - HEAD_START).into();
    params.not_after = (now + life).into();
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// Readable by its owner only, from its first byte on.
fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| path.display().to_string())?;
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())
}
