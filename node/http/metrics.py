"""What the HTTP edge counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class HttpMetrics:
    """Counters in one circle's registry; operations go by operationId, never by path.

    Those for signed-in people go by one name together.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "tallystick_http_requests",
            "Requests answered, by operation and status.",
            ["operation", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "tallystick_http_request_seconds",
            "From a request's header to its answer, by operation.",
            ["operation"],
            registry=registry,
        )
        self.in_flight = Gauge(
            "tallystick_http_requests_in_flight", "Requests being handled.", registry=registry
        )
        self.connections = Gauge(
            "tallystick_http_connections", "Open connections.", registry=registry
        )
        self.connections_refused = Counter(
            "tallystick_http_connections_refused",
            "Connections refused, as many being open as may be.",
            registry=registry,
        )
        self.connections_cut = Counter(
            "tallystick_http_connections_cut",
            "Connections cut for being slow, silent or idle.",
            registry=registry,
        )
        self._request_series: dict[tuple[str, int], Counter] = {}
        self._second_series: dict[str, Histogram] = {}

    def observe(self, operation: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        requests = self._request_series.get((operation, status))
        if requests is None:
            requests = self._requests.labels(operation, str(status))
            self._request_series[operation, status] = requests
        requests.inc()
        latency = self._second_series.get(operation)
        if latency is None:
            latency = self._second_series[operation] = self._seconds.labels(operation)
        latency.observe(seconds)
