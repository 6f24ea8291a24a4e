//! The metrics of HTTP: names, units and help texts. Those of store and engine are in `ah_store`.
//!
//! The server has its own recorder, so that two servers in one process, as in tests, do not mix
//! their metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use ah_rest_api_contract::SessionStatus;
use ah_store::metrics::MetricKind;
use axum::http::{Method, StatusCode};
use metrics::{
    Counter, Histogram, Key, KeyName, Label, Level, Metadata, Recorder as _, SharedString, Unit,
};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

const REQUESTS: &str = "ah_http_requests_total";
const REQUEST_SECONDS: &str = "ah_http_request_duration_seconds";
const IN_FLIGHT: &str = "ah_http_requests_in_flight";
const CONNECTIONS: &str = "ah_http_connections";
const RATE_LIMITED: &str = "ah_http_rate_limited_total";
const REPLAYED: &str = "ah_http_idempotent_replays_total";
const STREAMS: &str = "ah_sse_streams";
const FRAMES: &str = "ah_sse_frames_total";
const SESSIONS: &str = "ah_sessions";
const BUILD_INFO: &str = "ah_build_info";

/// Upper bounds of the buckets of durations, in seconds.
const SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Upper bounds of the buckets of writes per transaction.
const WRITES: [f64; 6] = [1.0, 4.0, 16.0, 64.0, 128.0, 256.0];

/// The interval of the recorder's upkeep, which bounds its memory by moving samples into buckets.
pub(crate) const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The route of requests that match none.
pub(crate) const NO_ROUTE: &str = "none";

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// The server's metrics. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    parts: Arc<Parts>,
}

struct Parts {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    process: metrics_process::Collector,
    in_flight: metrics::Gauge,
    connections: metrics::Gauge,
    rate_limited: Counter,
    replayed: Counter,
    streams: metrics::Gauge,
    frames: Counter,
}

impl Metrics {
    /// Creates the metrics of a program of `version`.
    pub(crate) fn new(version: &str) -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&SECONDS)?
            .set_buckets_for_metric(
                Matcher::Full(ah_store::metrics::DB_GROUP_WRITES.name.to_owned()),
                &WRITES,
            )?
            .build_recorder();
        describe(&recorder);
        describe_store_and_engine(&recorder);
        let process = metrics_process::Collector::default();
        metrics::with_local_recorder(&recorder, || process.describe());
        let version = Label::new("version", version.to_owned());
        recorder
            .register_gauge(&Key::from_parts(BUILD_INFO, vec![version]), &METADATA)
            .set(1.0);
        let recorder = Arc::new(recorder);
        // Store and engine record into the recorder of the process, which is that of its first
        // server. Only tests have another.
        if metrics::set_global_recorder(Arc::clone(&recorder)).is_err() {
            tracing::debug!("the process has a recorder of metrics already");
        }
        let gauge =
            |name: &'static str| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        let counter =
            |name: &'static str| recorder.register_counter(&Key::from_static_name(name), &METADATA);
        let parts = Parts {
            in_flight: gauge(IN_FLIGHT),
            connections: gauge(CONNECTIONS),
            rate_limited: counter(RATE_LIMITED),
            replayed: counter(REPLAYED),
            streams: gauge(STREAMS),
            frames: counter(FRAMES),
            handle: recorder.handle(),
            recorder,
            process,
        };
        Ok(Self {
            parts: Arc::new(parts),
        })
    }

    /// Returns the metrics of the requests for a route.
    pub(crate) fn of_route(&self, path: &'static str) -> RouteMetrics {
        RouteMetrics {
            path,
            recorder: self.parts.recorder.clone(),
            seconds: Default::default(),
            requests: RwLock::default(),
        }
    }

    /// Counts a request in progress until the guard is dropped.
    pub(crate) fn in_flight(&self) -> GaugeGuard {
        GaugeGuard::raise(&self.parts.in_flight)
    }

    /// Counts an open connection until the guard is dropped.
    pub(crate) fn connection(&self) -> GaugeGuard {
        GaugeGuard::raise(&self.parts.connections)
    }

    /// Counts an open stream until the guard is dropped.
    pub(crate) fn stream(&self) -> GaugeGuard {
        GaugeGuard::raise(&self.parts.streams)
    }

    /// Counts a frame of a stream.
    pub(crate) fn frame(&self) {
        self.parts.frames.increment(1);
    }

    /// Counts a request that was refused by the rate limit.
    pub(crate) fn rate_limited(&self) {
        self.parts.rate_limited.increment(1);
    }

    /// Counts a response that replays the first one of its key.
    pub(crate) fn replayed(&self) {
        self.parts.replayed.increment(1);
    }

    /// Sets the number of sessions in each status.
    pub(crate) fn sessions(&self, counts: &BTreeMap<SessionStatus, u64>) {
        for status in SessionStatus::ALL {
            let label = Label::new("status", status.to_string());
            let count = counts.get(&status).copied().unwrap_or_default();
            self.parts
                .recorder
                .register_gauge(&Key::from_parts(SESSIONS, vec![label]), &METADATA)
                .set(count as f64);
        }
    }

    /// Returns all metrics, in the text format of Prometheus, with the current ones of the process.
    pub(crate) fn render(&self) -> String {
        let parts = &self.parts;
        metrics::with_local_recorder(&*parts.recorder, || parts.process.collect());
        self.parts.handle.render()
    }

    /// Moves samples into their buckets.
    pub(crate) fn keep_up(&self) {
        self.parts.handle.run_upkeep();
    }
}

/// The metrics of the requests for one route. Each series is registered with its first request, so
/// that later ones look nothing up by labels.
pub(crate) struct RouteMetrics {
    path: &'static str,
    recorder: Arc<PrometheusRecorder>,
    /// One histogram per method of [`METHODS`].
    seconds: [OnceLock<Histogram>; METHODS.len()],
    /// The counters by index of the method and by status. The lock is held to find or add one.
    requests: RwLock<Vec<(usize, StatusCode, Counter)>>,
}

impl RouteMetrics {
    /// Records the response to a request. Clients cannot add series: the path is the pattern of a
    /// route, and the API's methods have names of their own.
    pub(crate) fn answered(&self, method: &Method, status: StatusCode, took: Duration) {
        let method = method_index(method);
        self.seconds[method]
            .get_or_init(|| {
                let key = Key::from_parts(REQUEST_SECONDS, self.labels(method));
                self.recorder.register_histogram(&key, &METADATA)
            })
            .record(took.as_secs_f64());
        if !self.count(method, status) {
            let mut labels = self.labels(method);
            labels.push(Label::new("status", status.as_str().to_owned()));
            let key = Key::from_parts(REQUESTS, labels);
            let counter = self.recorder.register_counter(&key, &METADATA);
            counter.increment(1);
            let mut requests = self
                .requests
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            // A second handle of the same series does no harm.
            requests.push((method, status, counter));
        }
    }

    /// Counts a request. Returns false if its series has no handle yet.
    fn count(&self, method: usize, status: StatusCode) -> bool {
        let requests = self.requests.read().unwrap_or_else(PoisonError::into_inner);
        let counter = requests
            .iter()
            .find(|(of_method, of_status, _)| (*of_method, *of_status) == (method, status));
        counter
            .map(|(_, _, counter)| counter.increment(1))
            .is_some()
    }

    fn labels(&self, method: usize) -> Vec<Label> {
        vec![
            Label::from_static_parts("method", METHODS[method]),
            Label::from_static_parts("route", self.path),
        ]
    }
}

/// The methods of the API, and the name of all others.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "other"];

/// Returns the index in [`METHODS`].
fn method_index(method: &Method) -> usize {
    let known = METHODS.iter().position(|name| *name == method.as_str());
    known.unwrap_or(METHODS.len() - 1)
}

/// Counts one in a gauge until it is dropped.
pub(crate) struct GaugeGuard(metrics::Gauge);

impl GaugeGuard {
    fn raise(gauge: &metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Describes the metrics that store and engine record.
fn describe_store_and_engine(recorder: &PrometheusRecorder) {
    for metric in ah_store::metrics::ALL {
        let name = KeyName::from_const_str(metric.name);
        let unit = Some(match metric.unit {
            ah_store::metrics::Unit::Count => Unit::Count,
            ah_store::metrics::Unit::Seconds => Unit::Seconds,
        });
        let help = SharedString::const_str(metric.help);
        match metric.kind {
            MetricKind::Counter => recorder.describe_counter(name, unit, help),
            MetricKind::Gauge => recorder.describe_gauge(name, unit, help),
            MetricKind::Histogram => recorder.describe_histogram(name, unit, help),
        }
    }
}

fn describe(recorder: &PrometheusRecorder) {
    let help = |text: &'static str| SharedString::const_str(text);
    let name = |name: &'static str| KeyName::from_const_str(name);
    recorder.describe_counter(
        name(REQUESTS),
        Some(Unit::Count),
        help("Requests answered, by method, route and status."),
    );
    recorder.describe_histogram(
        name(REQUEST_SECONDS),
        Some(Unit::Seconds),
        help("Time from a request to the head of its response, by method and route."),
    );
    recorder.describe_gauge(
        name(IN_FLIGHT),
        Some(Unit::Count),
        help("Requests whose response has not begun."),
    );
    recorder.describe_gauge(
        name(CONNECTIONS),
        Some(Unit::Count),
        help("Open connections."),
    );
    recorder.describe_counter(
        name(RATE_LIMITED),
        Some(Unit::Count),
        help("Requests refused by the rate limit."),
    );
    recorder.describe_counter(
        name(REPLAYED),
        Some(Unit::Count),
        help("Requests answered with the stored response of their idempotency key."),
    );
    recorder.describe_gauge(
        name(STREAMS),
        Some(Unit::Count),
        help("Open event streams."),
    );
    recorder.describe_counter(
        name(FRAMES),
        Some(Unit::Count),
        help("Frames sent to event streams."),
    );
    recorder.describe_gauge(
        name(SESSIONS),
        Some(Unit::Count),
        help("Sessions stored, by status."),
    );
    recorder.describe_gauge(
        name(BUILD_INFO),
        None,
        help("Always 1; the label has the version of the program."),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_the_api_does_not_have_share_a_series() {
        let metrics = Metrics::new("1.2.3").unwrap();
        let route = metrics.of_route(NO_ROUTE);
        for number in 0..300 {
            let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
            route.answered(&method, StatusCode::NOT_FOUND, Duration::ZERO);
        }
        let text = metrics.render();
        let line = "ah_http_requests_total{method=\"other\",route=\"none\",status=\"404\"} 300";
        assert!(text.contains(line), "{text}");
        assert!(!text.contains("M299"), "{text}");
    }

    #[test]
    fn metrics_are_exported_with_their_help() {
        let metrics = Metrics::new("1.2.3").unwrap();
        let took = Duration::from_millis(2);
        let route = metrics.of_route(NO_ROUTE);
        route.answered(&Method::GET, StatusCode::NOT_FOUND, took);
        let stream = metrics.stream();
        metrics.frame();
        metrics.sessions(&BTreeMap::from([(SessionStatus::Running, 3)]));
        let text = metrics.render();
        for line in [
            "# HELP ah_http_requests_total ",
            "ah_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1",
            "ah_http_request_duration_seconds_bucket{method=\"GET\",route=\"none\",le=\"0.0025\"} 1",
            "ah_sse_streams 1",
            "ah_sessions{status=\"running\"} 3",
            "ah_sessions{status=\"queued\"} 0",
            "ah_sse_frames_total 1",
            "ah_build_info{version=\"1.2.3\"} 1",
            "process_resident_memory_bytes ",
            "process_open_fds ",
            "process_start_time_seconds ",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        drop(stream);
        assert!(metrics.render().contains("ah_sse_streams 0"));
        assert!(
            Metrics::new("1.2.3")
                .unwrap()
                .render()
                .contains("ah_sse_frames_total 0")
        );
    }
}
