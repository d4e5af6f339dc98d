import { Rights } from "../../../callers/rights.js";
import type { Config } from "../../../config/config.js";
import type { Database } from "../../../database/database.js";
import { createLastUseStore } from "../../../database/last-use.js";
import { createPolicyStore } from "../../../database/policy.js";
import { createTokenStore } from "../../../database/token.js";
import { usage } from "../../../database/usage.js";
import { toUuid } from "../../../domain/ids.js";
import type { TokenUse } from "../../../domain/last-use-store.js";
import { PepperRing } from "../../../domain/pepper.js";
import { currentSecret, organizationOf } from "../../../domain/token.js";
import { createMetrics } from "../../../telemetry/metrics.js";
import { createOpenFga } from "../../openfga.js";
import { type Habit, type UsedHour, usedHours } from "./history.js";
import { tellStory } from "./story.js";

/**
 * Makes tokens with a past for alice, bob and acme, and two policies, in a database without tokens; does nothing in any
 * other. It needs the model of examples/direct and its tuples with `exampleRelationships`. Call it before the server
 * starts, which closes the hours of usage.
 */
export async function makeExamples(database: Database, config: Config): Promise<void> {
  const store = createTokenStore(database);
  const now = new Date();
  if ((await store.list({}, { size: 1 }, now)).tokens.length > 0) return;
  const openfga = createOpenFga({
    config: config.openfga,
    metrics: createMetrics(),
    clock: { now: () => now },
    onChange: () => undefined,
  });
  try {
    await openfga.connection.start();
    const { permissions } = openfga;
    const peppers = new PepperRing(config.tokens.brand, config.tokens.peppers);
    const habits = await tellStory(
      {
        ...{ store, peppers, permissions, policies: createPolicyStore(database) },
        rights: new Rights({ permissions, relations: config.subjects.relations }),
        model: () => openfga.connection.model(),
        memberRelation: config.subjects.relations.member,
        defaultLifetimeMs: config.tokens.defaultLifetimeMs,
        requestKeys: peppers.deriveKeys("patwarden request"),
      },
      now,
    );
    await writeHistory(database, habits, now);
  } finally {
    openfga.close();
  }
}

/** Writes past usage and last uses, as if each decision had been counted in its hour. */
async function writeHistory(database: Database, habits: readonly Habit[], now: Date): Promise<void> {
  const used = habits.map((habit) => ({ habit, hours: usedHours(habit, now) }));
  await database.orm.insert(usage).values(
    used.flatMap(({ habit: { token }, hours }) =>
      hours.map(({ hour, action, reason, count }) => ({
        ...{ hour, action, reason, subject: token.subject, organization: organizationOf(token) ?? "" },
        tokenId: toUuid(token.id),
        count: BigInt(count),
        units: reason === "ALLOWED" ? BigInt(count) : 0n,
      })),
    ),
  );
  await createLastUseStore(database).move(used.flatMap(({ habit, hours }) => lastUseOf(habit, hours)));
}

function lastUseOf({ token }: Habit, hours: readonly UsedHour[]): readonly TokenUse[] {
  const last = hours.findLast(({ reason }) => reason === "ALLOWED");
  const secret = currentSecret(token);
  if (!last || !secret) return [];
  // Some minutes into the hour.
  const time = new Date(last.hour.getTime() + 17 * 60_000);
  const address = token.allowedCidrs[0]?.replace("0/24", "23") ?? "192.0.2.44";
  return [{ tokenId: token.id, secretId: secret.id, time, address }];
}
