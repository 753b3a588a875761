//! Certificates of an authority that exists for one server.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::tool;

/// A certificate of a server, its key, and the authority that signed it.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    /// PEM: what clients trust.
    pub(crate) authority: PathBuf,
    /// PEM.
    pub(crate) certificate: PathBuf,
    /// PEM, PKCS #8.
    pub(crate) key: PathBuf,
}

impl Certificates {
    /// Makes all three in `directory`, for `localhost` and these addresses. They hold for two days.
    pub(crate) fn make(directory: &Path, addresses: &[IpAddr]) -> Self {
        let path = |name: &str| directory.join(name);
        let openssl = tool::find("openssl", "openssl");
        let run = |words: &str| {
            let words = words.split(' ').filter(|word| !word.is_empty());
            tool::run(tool::command(&openssl).args(words).current_dir(directory));
        };
        let names: String = addresses.iter().map(|address| format!(",IP:{address}")).collect();
        let extensions = format!(
            "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n\
             subjectAltName=DNS:localhost{names}\n"
        );
        fs::write(path("extensions"), extensions).expect("it can be written");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        run(&format!(
            "req -x509 {key} -days 2 -subj /CN=testbed-authority -keyout ca.key -out ca.crt \
             -addext keyUsage=critical,keyCertSign,cRLSign"
        ));
        run(&format!("req {key} -subj /CN=localhost -keyout server.key -out server.csr"));
        run("x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
             -extfile extensions -out server.crt");
        Self { authority: path("ca.crt"), certificate: path("server.crt"), key: path("server.key") }
    }
}
