import type { Ready } from "./start.js";

/**
 * Returns lines to paste into a shell. They read the key from `keyFile`; without one they show the key itself, since
 * the user cannot get it in another way.
 */
export function tryOutLines({ grpc, http, public_http, service_key }: Ready, keyFile: string | undefined): string {
  return `
Patwarden is ready: gRPC on ${grpc}, JSON on ${http}, and the public HTTP port on ${public_http}

KEY=${keyFile === undefined ? service_key : `$(cat ${keyFile})`}

# a token for alice; its secret is shown once
TOKEN=$(curl -s ${http}/patwarden.v1.TokenService/CreateToken -H "authorization: Bearer $KEY" -H "content-type: application/json" \\
  -d '{"subject":"user:alice","name":"laptop","grant":{"full":true}}' | node -p 'JSON.parse(fs.readFileSync(0)).secret')

# may its holder view the document?
curl -s ${http}/patwarden.v1.AuthorizationService/Check -H "authorization: Bearer $KEY" -H "content-type: application/json" \\
  -d '{"token":"'$TOKEN'","resource":"document:roadmap","action":"viewer"}'

grpcurl -plaintext -H "authorization: Bearer $KEY" \\
  -d '{"token":"'$TOKEN'","resource":"document:roadmap","action":"viewer"}' ${grpc} patwarden.v1.AuthorizationService/Check

Ctrl-C stops it.
`;
}
