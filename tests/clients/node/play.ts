// A session from its launch to its end, with a client that openapi-typescript generated.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import { EventSourceParserStream } from "eventsource-parser/stream";
import type { components, paths } from "./api.js";

type SessionEvent = components["schemas"]["SessionEvent"];

const { AH_TEST_URL: baseUrl = "", AH_TEST_KEY: key = "" } = process.env;
const api = createClient<paths>({ baseUrl, headers: { Authorization: `ApiKey ${key}` } });

// Create: the request of the README, with a scenario that asks for a permission.
const launched = await api.POST("/api/v1/tasks", {
  body: {
    prompt: "Count the files here and write the number into COUNT.md",
    repo: { mode: "none" },
    agents: [{ type: "scenario", settings: { scenario: "permission" } }],
  },
});
assert.equal(launched.response.status, 201);
assert(launched.data);
const [id] = launched.data.session_ids;
assert(id);
const path = { id };

// Stream, and answer what the agent asks for.
const stream = await api.GET("/api/v1/sessions/{id}/events/stream", {
  params: { path },
  parseAs: "stream",
});
assert(stream.data);
const frames = (stream.data as unknown as ReadableStream<Uint8Array>)
  .pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>)
  .pipeThrough(new EventSourceParserStream());
const streamed: number[] = [];
let answered = 0;
let status = "";
for await (const frame of frames) {
  const event: SessionEvent = JSON.parse(frame.data);
  streamed.push(event.seq);
  switch (event.type) {
    case "permission_request": {
      const option = event.options.find((option) => option.kind.startsWith("allow"));
      assert(option);
      const answer = await api.POST("/api/v1/sessions/{id}/permissions/{requestId}", {
        params: { path: { id, requestId: event.request_id } },
        body: { optionId: option.id },
      });
      assert(answer.data);
      assert.equal(answer.data.state, "answered");
      answered += 1;
      break;
    }
    case "tool_use":
      assert.equal(typeof event.tool_args, "object");
      break;
    case "status":
      status = event.status;
      break;
  }
}
assert(answered > 0, "the agent asked for nothing");
assert.equal(status, "completed");
assert.deepEqual(streamed, [...streamed.keys()].map((index) => index + 1));

// Page: some of it again, as pages of two.
const pageOf = (page: number) =>
  api.GET("/api/v1/sessions/{id}/events", {
    params: { path, query: { sort: "asc", perPage: 2, page, type: ["status", "message"] } },
  });
const paged: number[] = [];
for (let page: number | undefined = 1; page; ) {
  const events: Awaited<ReturnType<typeof pageOf>> = await pageOf(page);
  assert(events.data);
  paged.push(...events.data.items.map((event) => event.seq));
  page = events.data.nextPage;
}
assert(paged.length > 2 && paged.every((seq) => streamed.includes(seq)));

// List with a repeated parameter.
const listed = await api.GET("/api/v1/sessions", {
  params: { query: { status: ["completed", "failed"] } },
});
assert(listed.data?.items.some((session) => session.id === id));

// Problem.
const unknown = await api.GET("/api/v1/sessions/{id}", {
  params: { path: { id: "01JZAAAAAAAAAAAAAAAAAAAAA1" } },
});
assert(unknown.error);
assert.equal(unknown.error.type, "/errors/not-found");
const gone = await api.POST("/api/v1/sessions/{id}/prompt", {
  params: { path },
  body: { prompt: "Once more" },
});
assert.equal(gone.error?.type, "/errors/gone");
console.log(`${streamed.length} events, ${answered} answered`);
