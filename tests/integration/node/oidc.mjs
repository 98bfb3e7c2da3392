// An OpenID Connect provider (npm oidc-provider) whose keys can be rotated and which can go away.
//
// POST /test/rotate   signs with a fresh key from now on; the ones before stay in the set
// POST /test/retire   leaves only the newest key in the set
// POST /test/away     answers 503 to everything, until the next POST /test/back

import { createServer } from "node:http";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

const TESTS = "/test/";
let keys = [];
let number = 0;
let handler;
let away = false;

const server = createServer(async (request, response) => {
  if (request.url.startsWith(TESTS)) {
    await control(request.url.slice(TESTS.length));
    response.end();
  } else if (away) {
    response.writeHead(503).end();
  } else {
    handler(request, response);
  }
});

async function control(word) {
  if (word === "rotate") {
    const { privateKey } = await generateKeyPair("RS256", { extractable: true });
    keys.unshift({ ...(await exportJWK(privateKey)), kid: `key-${++number}`, alg: "RS256", use: "sig" });
  }
  if (word === "retire") keys = keys.slice(0, 1);
  if (word === "away" || word === "back") away = word === "away";
  handler = provide().callback();
}

function provide() {
  const { port } = server.address();
  return new Provider(`http://127.0.0.1:${port}`, {
    clients: [
      {
        client_id: "agent",
        client_secret: "agent-secret",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
    cookies: { keys: ["test"] },
    jwks: { keys },
    extraTokenClaims: () => ({ org: { id: "acme" }, groups: ["llm-users", "everyone"] }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          audience: "sealgate",
          scope: "",
          accessTokenFormat: "jwt",
          accessTokenTTL: 3600,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
}

server.listen(0, "127.0.0.1", async () => {
  await control("rotate");
  process.stdout.write(`listening on http://127.0.0.1:${server.address().port}\n`);
});
