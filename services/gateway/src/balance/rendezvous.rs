//! Rendezvous hashing: requests for one item go to one replica.

use std::sync::Arc;

use super::replica::Replica;

/// How much more than its equal share a replica may have in flight before a key moves on to its
/// next one. (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016.)
const LOAD_BOUND: f64 = 1.25;

/// Returns the replica for `key`: of those that are not above their share, the one with the highest
/// weight. When a replica goes, only its own keys move.
pub(super) fn choose<'a>(candidates: &[&'a Arc<Replica>], key: &[u8]) -> Option<&'a Arc<Replica>> {
    let total: usize = candidates.iter().map(|replica| replica.in_flight()).sum();
    let share = (LOAD_BOUND * (total + 1) as f64 / candidates.len() as f64).ceil() as usize;
    let by_weight = |replica: &&&Arc<Replica>| weight(replica, key);
    candidates
        .iter()
        .filter(|replica| replica.in_flight() < share)
        .max_by_key(by_weight)
        .or_else(|| candidates.iter().max_by_key(by_weight))
        .copied()
}

/// Mixes the replica's address with the key. The same in every process and on every machine, so that
/// several gateways agree.
fn weight(replica: &Replica, key: &[u8]) -> u64 {
    let (host, port) = replica.origin.address();
    let mut hash = fnv(0xcbf2_9ce4_8422_2325, host.as_bytes());
    hash = fnv(hash, &port.to_be_bytes());
    hash = fnv(hash, key);
    // FNV leaves neighbours near each other; the finisher of MurmurHash3 tears them apart.
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// FNV-1a.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::super::health::Health;
    use super::super::replica::InFlight;
    use super::*;

    fn replicas(count: u16) -> Vec<Arc<Replica>> {
        let origin = |at| format!("10.0.0.1:{}", 8_000 + at).parse().unwrap();
        (0..count).map(|at| Replica::new(origin(at), Health::new())).collect()
    }

    fn key(number: u32) -> Vec<u8> {
        format!("items/{number}").into_bytes()
    }

    #[test]
    fn keys_spread_evenly_and_only_those_of_a_lost_replica_move() {
        let replicas = replicas(5);
        let all: Vec<_> = replicas.iter().collect();
        let fewer: Vec<_> = replicas[1..].iter().collect();
        let mut counts = [0; 5];
        for number in 0..10_000 {
            let before = choose(&all, &key(number)).unwrap();
            let after = choose(&fewer, &key(number)).unwrap();
            let at = replicas.iter().position(|replica| Arc::ptr_eq(replica, before)).unwrap();
            counts[at] += 1;
            assert!(at == 0 || Arc::ptr_eq(before, after));
        }
        assert!(counts.iter().all(|count| (1_800..2_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_key_moves_on_when_its_replica_has_too_much() {
        let replicas = replicas(3);
        let all: Vec<_> = replicas.iter().collect();
        let first = choose(&all, &key(1)).unwrap();
        let busy: Vec<_> = (0..10).map(|_| InFlight::new(Arc::clone(first))).collect();
        assert!(!Arc::ptr_eq(first, choose(&all, &key(1)).unwrap()));
        drop(busy);
        assert!(Arc::ptr_eq(first, choose(&all, &key(1)).unwrap()));
    }
}
