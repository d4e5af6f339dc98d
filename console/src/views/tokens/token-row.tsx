import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Operation, type Token, Token_State } from "#gen/patwarden/v1/token_pb.js";
import { useApp } from "../../app/context.js";
import { Bars, type DayCount } from "../../ui/bars.js";
import { Link } from "../../ui/button.js";
import { Identity } from "../../ui/identity.js";
import { Menu } from "../../ui/menu.js";
import { dateOf, RelativeTime } from "../../ui/time.js";
import { hasEnded, StateBadge } from "../../ui/token-state.js";

import { canBeDuplicated } from "../create/token-form.js";

interface TokenRowProps {
  readonly token: Token;
  /** Its usage; undefined until it is fetched. Absent: the list has no column for it. */
  readonly days?: readonly DayCount[] | undefined;
  readonly withOwner: boolean;
  readonly chosen: boolean;
  /** Absent: the token cannot be chosen. */
  readonly onChoose?: (chosen: boolean) => void;
  onRevoke(): void;
  onSuspend(action: "suspend" | "resume"): void;
}

/** Returns whether a token that has not ended ends within 7 days. */
const endsSoon = (token: Token, now: Date): boolean =>
  !hasEnded(token) &&
  token.expireTime !== undefined &&
  timestampMs(token.expireTime) - now.getTime() < 7 * 24 * 3_600_000;

/** A token in a list. */
export function TokenRow({ token, withOwner, chosen, onChoose, onRevoke, onSuspend, ...usage }: TokenRowProps) {
  const { words, format, caller } = useApp();
  const { columns } = words.tokens;
  const now = new Date();
  const [lastUse, created] = [dateOf(token.lastUseTime), dateOf(token.createTime)];
  const expires = dateOf(token.revokeTime ?? token.expireTime);
  const may = (operation: Operation) => token.permitted.includes(operation);
  const to = `/tokens/${token.id}`;
  return (
    <tr>
      <td class="choose">
        {onChoose && (
          <input
            type="checkbox"
            aria-label={words.tokens.select(token.name)}
            checked={chosen}
            onChange={(event) => onChoose(event.currentTarget.checked)}
          />
        )}
      </td>
      <th class="name" scope="row">
        <Link to={to}>
          <bdi>{token.name}</bdi>
        </Link>
        <div class="about">
          <span class="mono">{token.secrets[0]?.hint}</span>
          {withOwner && (
            <>
              {" · "}
              <Identity name={token.subject} />
            </>
          )}
          {!withOwner && token.organization !== "" && <> · {words.tokens.forOrganization(token.organization)}</>}
        </div>
      </th>
      <td>
        <StateBadge token={token} />
        {token.state === Token_State.REVOKED && <small>{words.revocationReasons[token.revocationReason]}</small>}
      </td>
      <td data-label={columns.expires}>
        {expires ? (
          <>
            <span class={endsSoon(token, now) ? "soon" : ""}>
              <RelativeTime time={expires} />
            </span>
            <small>{format.date(expires)}</small>
          </>
        ) : (
          words.tokens.neverExpires
        )}
      </td>
      <td data-label={columns.lastUse}>
        {lastUse ? (
          <>
            <RelativeTime time={lastUse} />
            {token.lastUseIp !== "" && <small>{words.tokens.from(token.lastUseIp)}</small>}
          </>
        ) : (
          <span class="soft">
            {created && words.tokens.neverUsed(format.duration(Math.max(1000, now.getTime() - created.getTime())))}
          </span>
        )}
      </td>
      {"days" in usage && <td class="usage">{usage.days && <Bars days={usage.days} small />}</td>}
      <td class="actions">
        <Menu label={words.tokens.rowActions(token.name)}>
          {may(Operation.ROTATE) && (
            <Link to={`${to}?do=rotate`} look="menu-item">
              {words.tokens.rotate}
            </Link>
          )}
          {may(Operation.UPDATE) && (
            <Link to={`${to}?do=edit`} look="menu-item">
              {words.tokens.edit}
            </Link>
          )}
          {canBeDuplicated(token, caller.caller) && (
            <Link to={`/new?from=${token.id}`} look="menu-item">
              {words.tokens.duplicate}
            </Link>
          )}
          {(["suspend", "resume"] as const)
            .filter((action) => may(action === "suspend" ? Operation.SUSPEND : Operation.RESUME))
            .map((action) => (
              <button type="button" key={action} class="menu-item" onClick={() => onSuspend(action)}>
                {words.token[action]}
              </button>
            ))}
          {may(Operation.REVOKE) && !hasEnded(token) && (
            <button type="button" class="menu-item danger" onClick={onRevoke}>
              {words.tokens.revoke}
            </button>
          )}
        </Menu>
      </td>
    </tr>
  );
}
