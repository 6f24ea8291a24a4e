"use strict";
// Everything is put into the page as text, so that no description can become markup.
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
const named = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.type === "array") return named(schema.items) + "[]";
  const several = schema.oneOf || schema.anyOf || schema.allOf;
  if (several) return several.map(named).join(" | ");
  return [].concat(schema.type || "any").join(" | ");
};
const row = (...cells) => make("tr", "", ...cells.map((cell) => make("td", "", cell)));
const bodies = (content) =>
  Object.entries(content || {})
    .map(([type, body]) => named(body.schema) + " (" + type + ")")
    .join(", ");
const operation = (path, method, described) => {
  const head = make("summary", "",
    classed(make("span", method.toUpperCase()), "method"), code(path),
    classed(make("span", "  " + (described.summary || "")), "quiet"));
  const parts = [];
  const parameters = described.parameters || [];
  if (parameters.length) {
    parts.push(make("h4", "Parameters"), make("table", "", ...parameters.map((p) =>
      row(code(p.name), p.in + (p.required ? ", required" : ""), p.description || ""))));
  }
  if (described.requestBody) {
    parts.push(make("h4", "Body"), make("p", bodies(described.requestBody.content)));
  }
  parts.push(make("h4", "Answers"), make("table", "",
    ...Object.entries(described.responses).map(([status, answer]) =>
      row(code(status), answer.description || "", bodies(answer.content)))));
  return make("details", "", head, ...parts);
};
const show = (api) => {
  const main = document.getElementById("api");
  main.replaceChildren(
    make("h1", api.info.title + " " + api.info.version),
    make("p", api.info.description || ""),
    make("h2", "Operations"));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const [method, described] of Object.entries(item)) {
      main.append(operation(path, method, described));
    }
  }
  main.append(make("h2", "Types"));
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    const text = JSON.stringify(schema, null, 2);
    main.append(make("details", "", make("summary", "", code(name)), make("pre", text)));
  }
};
fetch("/api/v1/openapi.json")
  .then((answer) => answer.json())
  .then(show)
  .catch((error) => {
    document.getElementById("api").textContent = "The description could not be loaded: " + error;
  });
