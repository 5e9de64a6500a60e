// The client as it is, except that its requests travel to the gateway, as behind a proxy that ends TLS.
// Reads {port, key, credentials, calls: [[method, parameters], ...]} and writes what became of each call.
"use strict";

const http = require("http");
const { Gigya } = require("gigya");

function transport(port) {
  return (endpoint, host, params, headers) =>
    new Promise((resolve, reject) => {
      const form = new URLSearchParams(params).toString();
      const told = {
        Host: host,
        "X-Forwarded-Proto": "https",
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": Buffer.byteLength(form),
      };
      const options = { port, host: "127.0.0.1", path: `/${endpoint}`, method: "POST", headers: { ...headers, ...told } };
      const request = http.request(options, (response) => {
        let text = "";
        response.on("data", (chunk) => (text += chunk));
        response.on("end", () => resolve(JSON.parse(text)));
      });
      request.on("error", reject);
      request.end(form);
    });
}

async function outcome(client, method, parameters) {
  try {
    return await client.request(method, parameters);
  } catch (error) {
    return { failed: String(error), errorCode: error.errorCode };
  }
}

async function main(asked) {
  const client = new Gigya(asked.key, "us1", transport(asked.port));
  client.setCredentials(asked.credentials || false);
  const outcomes = [];
  for (const [method, parameters] of asked.calls) {
    outcomes.push(await outcome(client, method, parameters));
  }
  for (const shown of outcomes.filter((one) => one.UIDSignature && asked.secret)) {
    const parts = [shown.UID, shown.signatureTimestamp, shown.UIDSignature, asked.secret];
    shown.isValid = client.sigUtils.validateUserSignature(...parts);
  }
  console.log(JSON.stringify(outcomes));
}

let input = "";
process.stdin.on("data", (chunk) => (input += chunk));
process.stdin.on("end", () => main(JSON.parse(input)));
