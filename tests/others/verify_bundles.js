// Every bundle of a file under the public keys of another, by the @sigstore/verify of others.
const { readFileSync } = require("fs");
const { createPublicKey } = require("crypto");
const { createRequire } = require("module");

const [modules, bundles, keys] = process.argv.slice(2);
const load = createRequire(modules + "/package.json");
const { Verifier, toSignedEntity } = load("@sigstore/verify");
const { bundleFromJSON } = load("@sigstore/bundle");

const known = JSON.parse(readFileSync(keys, "utf8"));
const material = {
  certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [],
  publicKey: (hint) => ({
    publicKey: createPublicKey({ key: Buffer.from(known[hint], "base64"), format: "der", type: "spki" }),
    validFor: () => true,
  }),
};
const verifier = new Verifier(material, { tlogThreshold: 0, timestampThreshold: 0, ctlogThreshold: 0 });
const said = readFileSync(bundles, "utf8").split("\n").filter(Boolean).map((line) => {
  try {
    verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(line))));
    return "holds";
  } catch (error) {
    return String(error.code || error.message);
  }
});
console.log(JSON.stringify(said));
