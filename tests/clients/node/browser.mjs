// Reads the events of a session with the EventSource of Chromium, the program that AH_TEST_BROWSER
// names, and prints the number of each. It ends when the page has closed its reader at status 204.
//
// A page cannot send the key, so that it reads through this program, which adds it. This program
// hides nothing else: where the access point breaks a response off, or refuses a connection, so does
// it.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { AH_TEST_STREAM: stream, AH_TEST_KEY: key, AH_TEST_BROWSER: browser } = process.env;
const types = ["status", "turn", "session_update", "log", "message", "thought"];
const page = `<!doctype html><title>Reader</title><script>
  const report = (path) => fetch(path, { method: "POST" });
  let reports = Promise.resolve();
  const inOrder = (path) => (reports = reports.then(() => report(path)));
  const source = new EventSource("/stream");
  const take = (event) => inOrder("/seen?seq=" + JSON.parse(event.data).seq);
  for (const type of ${JSON.stringify(types)}) source.addEventListener(type, take);
  source.onerror = () => source.readyState === EventSource.CLOSED && inOrder("/closed");
</script>`;

let status = 0;

/** Passes a request for the stream on to the access point, and its response back. */
function pass(request, response) {
  const headers = { Authorization: `ApiKey ${key}`, Accept: "text/event-stream" };
  const last = request.headers["last-event-id"];
  if (last) headers["Last-Event-ID"] = last;
  const passed = http.get(stream, { headers, agent: false }, (answer) => {
    status = answer.statusCode;
    response.writeHead(status, answer.headers);
    answer.on("data", (chunk) => response.write(chunk));
    answer.on("end", () => response.end());
    answer.on("error", () => response.destroy());
  });
  passed.on("error", () => response.destroy());
  response.on("close", () => passed.destroy());
}

const profile = mkdtempSync(join(tmpdir(), "ah-browser-"));
let program;

function end(code) {
  program?.removeAllListeners("exit");
  program?.once("exit", () => {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    process.exit(code);
  });
  program?.kill("SIGKILL");
}

const server = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  switch (pathname) {
    case "/":
      response.writeHead(200, { "Content-Type": "text/html" }).end(page);
      break;
    case "/stream":
      pass(request, response);
      break;
    case "/seen":
      console.log(searchParams.get("seq"));
      response.writeHead(204).end();
      break;
    case "/closed":
      response.writeHead(204).end();
      if (status !== 204) console.error(`given up at status ${status}`);
      end(status === 204 ? 0 : 1);
      break;
    default:
      response.writeHead(404).end();
  }
});

server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  program = spawn(
    browser,
    [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
      `--user-data-dir=${profile}`,
      `http://127.0.0.1:${port}/`,
    ],
    { stdio: "ignore" },
  );
  program.once("exit", (code) => {
    console.error(`the browser ended with ${code}`);
    process.exit(1);
  });
  program.once("error", (error) => {
    console.error(error.message);
    process.exit(1);
  });
});

// The step ends this program, and this program the browser.
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => end(1));
