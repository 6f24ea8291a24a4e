//! SSE frames (WHATWG HTML, server-sent events): a pure codec.
