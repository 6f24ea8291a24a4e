"use strict";
// Inserts everything as text, so that no description can become markup.
const make = (name, text, ...children) => {
  const element = document.createElement(name);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
};
const classed = (element, name) => {
  element.className = name;
  return element;
};
const code = (text) => make("code", text);
// Renders text in which backticks mark code; there is no other markup.
const prose = (name, text) =>
  make(name, "", ...(text || "").split("`").map((piece, n) => (n % 2 ? code(piece) : piece)));
const link = (address, ...children) => {
  const element = make("a", "", ...children);
  element.href = address;
  return element;
};
const typeLink = (name) => link("#type-" + name, code(name));
const between = (separator, parts) =>
  parts.flatMap((part, n) => (n ? [separator, ...part] : part));
// Renders the summary of a schema in one line: links, words and code.
const named = (schema) => {
  if (!schema) return [];
  if (schema.$ref) return [typeLink(schema.$ref.split("/").pop())];
  if (schema.enum) return between(" | ", schema.enum.map((word) => [code(String(word))]));
  if (schema.type === "array") return ["list of ", ...named(schema.items)];
  const several = schema.oneOf || schema.anyOf || schema.allOf;
  if (several) return between(" | ", several.map(named));
  return [[].concat(schema.type || "any").join(" | ")];
};
const row = (...cells) =>
  make("tr", "", ...cells.map((cell) => make("td", "", ...[].concat(cell))));
const bodies = (content) =>
  between(", ", Object.entries(content || {})
    .map(([type, body]) => [...named(body.schema), " (" + type + ")"]));
const operation = (path, method, described) => {
  const head = make("summary", "",
    classed(make("span", method.toUpperCase()), "method"), code(path),
    classed(prose("span", "  " + (described.summary || "")), "quiet"));
  const parts = [];
  const parameters = described.parameters || [];
  if (parameters.length) {
    parts.push(make("h4", "Parameters"), make("table", "", ...parameters.map((p) =>
      row(code(p.name), p.in + (p.required ? ", required" : ""), named(p.schema),
        prose("span", p.description)))));
  }
  if (described.requestBody) {
    parts.push(make("h4", "Body"),
      make("p", "", ...bodies(described.requestBody.content),
        prose("span", "  " + (described.requestBody.description || ""))));
  }
  parts.push(make("h4", "Answers"), make("table", "",
    ...Object.entries(described.responses).map(([status, answer]) =>
      row(code(status), prose("span", answer.description), bodies(answer.content)))));
  const details = make("details", "", head, ...parts);
  details.id = described.operationId;
  return details;
};
const type = (name, schema) => {
  const details = make("details", "",
    make("summary", "", code(name), classed(prose("span", "  " + (schema.description || "")), "quiet")),
    make("pre", JSON.stringify(schema, null, 2)));
  details.id = "type-" + name;
  return details;
};
// Opens and shows the entry that the fragment of the address identifies.
const open = () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target && target.tagName === "DETAILS") {
    target.open = true;
    target.scrollIntoView();
  }
};
const show = (api) => {
  const groups = new Map((api.tags || []).map((tag) => [tag.name, []]));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const [method, described] of Object.entries(item)) {
      const [tag] = described.tags || [""];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(path, method, described));
    }
  }
  document.getElementById("api").replaceChildren(
    make("h1", api.info.title + " " + api.info.version),
    prose("p", api.info.description),
    make("p", "", "The same, for programs: ",
      link("/api/v1/openapi.json", code("/api/v1/openapi.json")), "."),
    ...[...groups].flatMap(([tag, operations]) => [make("h2", tag), ...operations]),
    make("h2", "Types"),
    ...Object.entries(api.components.schemas).map(([name, schema]) => type(name, schema)));
  addEventListener("hashchange", open);
  open();
};
fetch("/api/v1/openapi.json")
  .then((answer) => answer.json())
  .then(show)
  .catch((error) => {
    document.getElementById("api").textContent = "The description could not be loaded: " + error;
  });
