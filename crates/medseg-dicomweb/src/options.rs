//! Limits and waiting times of a client.

use std::time::Duration;

/// Limits and waiting times of a [`Client`](crate::Client).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientOptions {
    /// Longest wait for a connection, TLS included.
    pub connect_timeout: Duration,
    /// Longest wait for the next bytes, those of an answer's beginning too: archives may fetch a series from slow storage
    /// first.
    pub stall_timeout: Duration,
    /// Longest duration of one transfer.
    pub transfer_timeout: Duration,
    /// Largest instance in bytes.
    pub max_file_bytes: u64,
    /// Largest series in bytes.
    pub max_series_bytes: u64,
    /// Largest number of instances of a series.
    pub max_instances: u64,
    /// Number of times that a request is repeated after the statuses 429 and 503 and after failed connections.
    pub retries: u32,
    /// Pause before the first repetition; each further one is twice as long.
    pub backoff: Duration,
    /// Longest pause before a repetition, whatever the server asks for by `Retry-After`.
    pub max_backoff: Duration,
    /// Send credentials to hosts other than this machine without encryption.
    pub plain_http_credentials: bool,
}

impl Default for ClientOptions {
    /// 10 s to connect, 2 min for the next bytes, 1 h a transfer; 4 GiB a file, 16 GiB and 50,000 instances a series; 4
    /// repetitions after 0.5, 1, 2 and 4 s, none later than 30 s; no credentials without encryption.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(120),
            transfer_timeout: Duration::from_secs(3600),
            max_file_bytes: 4 << 30,
            max_series_bytes: 16 << 30,
            max_instances: 50_000,
            retries: 4,
            backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            plain_http_credentials: false,
        }
    }
}

impl ClientOptions {
    /// Sets the longest wait for a connection.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the longest wait for the next bytes.
    #[must_use]
    pub fn with_stall_timeout(mut self, timeout: Duration) -> Self {
        self.stall_timeout = timeout;
        self
    }

    /// Sets the longest duration of one transfer.
    #[must_use]
    pub fn with_transfer_timeout(mut self, timeout: Duration) -> Self {
        self.transfer_timeout = timeout;
        self
    }

    /// Sets the largest instance in bytes.
    #[must_use]
    pub fn with_max_file_bytes(mut self, bytes: u64) -> Self {
        self.max_file_bytes = bytes;
        self
    }

    /// Sets the largest series in bytes.
    #[must_use]
    pub fn with_max_series_bytes(mut self, bytes: u64) -> Self {
        self.max_series_bytes = bytes;
        self
    }

    /// Sets the largest number of instances of a series.
    #[must_use]
    pub fn with_max_instances(mut self, instances: u64) -> Self {
        self.max_instances = instances;
        self
    }

    /// Sets the number of repetitions and the pause before the first.
    #[must_use]
    pub fn with_retries(mut self, retries: u32, backoff: Duration) -> Self {
        self.retries = retries;
        self.backoff = backoff;
        self
    }

    /// Sets the longest pause before a repetition.
    #[must_use]
    pub fn with_max_backoff(mut self, backoff: Duration) -> Self {
        self.max_backoff = backoff;
        self
    }

    /// Allows credentials over plain HTTP to other hosts, or not.
    #[must_use]
    pub fn with_plain_http_credentials(mut self, allow: bool) -> Self {
        self.plain_http_credentials = allow;
        self
    }

    /// The pause before a repetition, counted from 0: doubled each time, or what the server asks for, up to the longest.
    pub(crate) fn pause(&self, repetition: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.backoff.saturating_mul(2u32.saturating_pow(repetition));
        asked.unwrap_or(doubled).min(self.max_backoff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_follow_the_server_within_it() {
        let options = ClientOptions::default();
        let pauses: Vec<u128> = [0, 1, 2, 9, 400].map(|n| options.pause(n, None).as_millis()).into();
        assert_eq!(pauses, [500, 1000, 2000, 30_000, 30_000]);
        assert_eq!(options.pause(0, Some(Duration::from_secs(7))).as_secs(), 7);
        assert_eq!(options.pause(0, Some(Duration::from_secs(7000))).as_secs(), 30);
    }
}
