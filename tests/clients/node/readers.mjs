// Reads the events of a session with the library that the argument names, and prints the number of
// each. It ends when the library, or the answer of the server, says that there are no more.

const { AH_TEST_STREAM: url, AH_TEST_KEY: key } = process.env;
const headers = { Authorization: `ApiKey ${key}` };
const take = (event) => console.log(JSON.parse(event.data).seq);

const readers = {
  // The standard's reader, which reconnects by itself and stops at status 204.
  async eventsource() {
    const { EventSource } = await import("eventsource");
    const source = new EventSource(url, {
      fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }),
    });
    const types = ["status", "turn", "session_update", "log", "message", "thought"];
    for (const type of types) source.addEventListener(type, take);
    await new Promise((resolve, reject) => {
      source.onerror = (error) => {
        if (source.readyState !== EventSource.CLOSED) return;
        if (error.code === 204) resolve();
        else reject(new Error(`given up: ${error.code} ${error.message}`));
      };
    });
  },

  // A reader over fetch, which takes the regular end of a response for the end.
  async "fetch-event-source"() {
    globalThis.window = globalThis;
    globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
    const { fetchEventSource } = await import("@microsoft/fetch-event-source");
    await fetchEventSource(url, { headers, onmessage: (event) => event.data && take(event) });
  },

  // A parser without a connection of its own.
  async "eventsource-parser"() {
    const { EventSourceParserStream } = await import("eventsource-parser/stream");
    let last = "0";
    for (;;) {
      try {
        const response = await fetch(url, { headers: { ...headers, "Last-Event-ID": last } });
        if (response.status === 204) return;
        const frames = response.body
          .pipeThrough(new TextDecoderStream())
          .pipeThrough(new EventSourceParserStream());
        for await (const frame of frames) {
          last = frame.id ?? last;
          take(frame);
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  },
};

await readers[process.argv[2]]();
process.exit(0);
