// A receiver of Lanewatch's alerts in Node, with the official Standard Webhooks library.
//
//     npm ci
//     SECRET=whsec_... node receiver.mjs        # signatures by the subscription's secret
//     PUBLIC_KEY=whpk_... node receiver.mjs     # signatures by the tenant's key (ed25519)
//
// The library checks the age of an alert and its `v1` signature. It passes over `v1a`, which the function below checks.

import { createPublicKey, verify } from "node:crypto";
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const TOLERANCE_S = 300;
const { SECRET, PUBLIC_KEY, PORT = "8010" } = process.env;
// Kept where it outlives the program, if an alert must never count twice.
const seen = new Set();

function verifyEd25519(body, headers, publicKey) {
  const x = Buffer.from(publicKey.replace(/^whpk_/, ""), "base64").toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!/^[0-9]+$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_S) {
    throw new Error("Message timestamp too old or too new");
  }
  const said = Buffer.concat([Buffer.from(`${headers["webhook-id"]}.${timestamp}.`), body]);
  const fits = (headers["webhook-signature"] ?? "").split(" ").some((signature) => {
    const [kind, text] = signature.split(",");
    return kind === "v1a" && verify(null, said, key, Buffer.from(text, "base64"));
  });
  if (!fits) throw new Error("No matching signature found");
}

function take(body, headers) {
  try {
    if (SECRET) new Webhook(SECRET).verify(body, headers);
    else verifyEd25519(body, headers, PUBLIC_KEY);
  } catch (error) {
    return [400, `refused: ${error.message}`];
  }
  // A retry carries the same id, and so does a replay. Both are answered as taken and counted once.
  if (seen.has(headers["webhook-id"])) return [200, "seen before"];
  seen.add(headers["webhook-id"]);
  const { type, data } = JSON.parse(body.toString());
  // The handshake: what is asked to be echoed shows that this endpoint wants to be sent to.
  if (type === "lanewatch.endpoint.verification") return [200, data.challenge];
  return [200, `taken: ${type}`];
}

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const [status, said] = take(Buffer.concat(parts), request.headers);
  console.log(said);
  response.writeHead(status).end(said);
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
