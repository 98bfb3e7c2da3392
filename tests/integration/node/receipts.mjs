// Receipts in other formats, verified by the packages that define or implement those formats.

import { createRequire } from "node:module";
import { DataIntegrityProof } from "@digitalbazaar/data-integrity";
import * as DidKey from "@digitalbazaar/did-method-key";
import * as Ed25519Multikey from "@digitalbazaar/ed25519-multikey";
import { createVerifyCryptosuite } from "@digitalbazaar/eddsa-jcs-2022-cryptosuite";
import { canonicalize } from "json-canonicalize";
import jsigs from "jsonld-signatures";
import { print } from "./clients.mjs";

const { TrustReceipt } = createRequire(import.meta.url)("@yseeku/trust-receipts");
const given = JSON.parse(process.argv[2]);

async function npmReceipt({ receipt, publicKey }) {
  const parsed = TrustReceipt.fromJSON(receipt);
  return {
    verified: await parsed.verify(Buffer.from(publicKey, "hex")),
    recomputed: parsed.computeReceiptHash() === receipt.receiptHash,
    chained: given.previous ? parsed.verifyChain(TrustReceipt.fromJSON(given.previous)) : null,
  };
}

function documentLoader() {
  const driver = DidKey.driver();
  driver.use({ multibaseMultikeyHeader: "z6Mk", fromMultibase: Ed25519Multikey.from });
  return async (url) => ({ documentUrl: url, document: await driver.get({ url }) });
}

async function credential({ document }) {
  const suite = new DataIntegrityProof({ cryptosuite: createVerifyCryptosuite() });
  const purpose = new jsigs.purposes.AssertionProofPurpose();
  const options = { suite, purpose, documentLoader: documentLoader() };
  const result = await jsigs.verify(document, options);
  return { verified: result.verified, error: String(result.error?.errors?.[0] ?? "") };
}

const kinds = {
  npm: npmReceipt,
  credential,
  canonical: ({ values }) => values.map((value) => canonicalize(value)),
};
print(await kinds[given.kind](given));
