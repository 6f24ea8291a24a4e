// Mistakes that the types of the client refuse. It is compiled and not run.

import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const api = createClient<paths>({ baseUrl: "" });
const agents = [{ type: "scenario" }];

// @ts-expect-error: no such mode
await api.POST("/api/v1/tasks", { body: { prompt: "x", repo: { mode: "gti" }, agents } });
// @ts-expect-error: a git repository has a URL
await api.POST("/api/v1/tasks", { body: { prompt: "x", repo: { mode: "git" }, agents } });
// @ts-expect-error: no such field
await api.POST("/api/v1/tasks", { body: { prompt: "x", repo: { mode: "none" }, agent: {} } });
// @ts-expect-error: no such status
await api.GET("/api/v1/sessions", { params: { query: { status: ["happy"] } } });

const { error } = await api.GET("/api/v1/sessions");
// @ts-expect-error: no such kind of problem
if (error?.type === "/errors/not-fuond") throw error;
