//! The settings of each part of the gateway.

use contract::guard::HeadLimit;
use memory::Memory;
use serve::cors::Cors;
use serve::settings::bytes;
use serve::{BodyCost, Patience};

use super::Settings;
use crate::attempt::ForwardSettings;
use crate::balance::Outliers;
use crate::discover::DiscoverySettings;
use crate::policy::Validate;
use crate::request_body::{BodyLimits, HELD_BYTES_MAX};
use crate::stack::StackSettings;
use crate::worker::WorkerSettings;

impl Settings {
    /// When a replica is ejected for its faults.
    pub(crate) fn outliers(&self) -> Outliers {
        Outliers {
            share: self.outlier_share,
            requests_min: self.outlier_requests_min.get(),
            ejection: self.outlier_ejection_time,
            ejected_max: self.outlier_ejected_max,
        }
    }

    /// Where replicas are named.
    pub(crate) fn discovery(&self) -> DiscoverySettings {
        DiscoverySettings {
            replicas: self.replica.clone(),
            file: self.replicas_file.clone(),
            dns: self.replica_dns.clone(),
            srv: self.replica_srv.clone(),
            dns_servers: self.dns_server.clone(),
            replica_requests_max: self.replica_requests_max.get(),
        }
    }

    /// How a worker serves. What bodies hold is taken from `memory`.
    pub(crate) fn worker(&self, memory: &Memory) -> WorkerSettings {
        WorkerSettings {
            patience: Patience {
                idle_time_max: self.idle_time_max,
                stall_time_max: self.common.stall_time_max,
            },
            head_time_max: self.head_time_max,
            cost: BodyCost {
                memory: memory.clone(),
                factor: 1,
                held_bytes_max: HELD_BYTES_MAX as u64,
            },
            stack: self.stack(),
        }
    }

    fn stack(&self) -> StackSettings {
        StackSettings {
            validate: Validate {
                head_limit: HeadLimit {
                    target_bytes_max: bytes(self.common.target_max),
                    headers_bytes_max: bytes(self.headers_max),
                },
            },
            trusted: self.trusted_proxy.clone().into(),
            cors: Cors::new(&self.common.cors_origin),
            log_requests: self.common.log_requests,
            forward: ForwardSettings {
                balance: self.balance,
                body: BodyLimits {
                    bytes_max: self.body_max.as_u64(),
                    time_max: self.body_time_max,
                },
                stream_idle_time_max: self.stream_idle_time_max,
                request_time_max: self.request_time_max,
                try_time_max: self.try_time_max,
                connect_time_max: self.connect_time_max,
                hedge_after: self.hedge_after,
                replica_requests_max: self.replica_requests_max.get(),
                public_prefix: self.public_prefix.clone(),
            },
        }
    }
}
