//! The store format, which a store has from its first use.

use bytes::Bytes;

use super::cluster::{Cluster, look, ranges};
use super::failure::EtcdFailure;
use super::message::{Compare, Op, PutRequest, Txn};
use crate::error::{Error, ErrorKind};
use crate::remote::http::{AttemptFailure, Effect};

/// The format of keys and values that this version reads and writes.
const FORMAT: &[u8] = b"1";

/// How often the format is asked for when an answer was lost.
const ATTEMPTS_MAX: usize = 3;

/// Makes sure that the store has the format of this version; a new store gets it. Any number of
/// processes may do so at once.
pub(super) async fn ensure(cluster: &Cluster) -> Result<(), Error> {
    let mut attempts = 0;
    let found = loop {
        attempts += 1;
        match read_or_write(cluster).await {
            Ok(found) => break found,
            Err(failure) if failure.effect() == Effect::Nothing || attempts == ATTEMPTS_MAX => {
                return Err(failure.without_effect().into());
            }
            Err(_) => {}
        }
    };
    match found {
        Some(format) if format != FORMAT => Err(Error::new(
            ErrorKind::Internal,
            format!(
                "its keys have the format {:?}, and this version reads only {:?}; use the version that wrote them and export the items",
                String::from_utf8_lossy(&format),
                String::from_utf8_lossy(FORMAT),
            ),
        )),
        _ => Ok(()),
    }
}

/// Returns the format that was there.
async fn read_or_write(cluster: &Cluster) -> Result<Option<Bytes>, EtcdFailure> {
    let key = cluster.keys.format();
    // A user with read permission alone is refused only when there is something to write.
    if let Some(found) = cluster.fetch(std::slice::from_ref(&key)).await?.pop().flatten() {
        return Ok(Some(found.value));
    }
    let value = Bytes::from_static(FORMAT);
    let txn = Txn {
        compare: vec![Compare::absent(key.clone())],
        success: vec![Op::Put(PutRequest { key: key.clone(), value, lease: 0 })],
        failure: vec![look(key)],
    };
    let answer = cluster.write(&txn).await?;
    if answer.succeeded {
        return Ok(None);
    }
    Ok(ranges(answer.responses, 1)?.remove(0).kvs.pop().map(|kv| kv.value))
}
