import { useApp } from "../app/context.js";

/** Decisions of one day of UTC. */
export interface DayCount {
  readonly day: Date;
  readonly allowed: number;
  readonly refused: number;
}

interface BarsProps {
  readonly days: readonly DayCount[];
  /** A row has small bars without an axis. Default false. */
  readonly small?: boolean;
}

const sum = (days: readonly DayCount[], field: "allowed" | "refused") =>
  days.reduce((total, day) => total + day[field], 0);

/** A bar for each day, refused decisions on top of allowed ones. Its name is a sentence with the numbers. */
export function Bars({ days, small = false }: BarsProps) {
  const { words, format } = useApp();
  const most = Math.max(1, ...days.map(({ allowed, refused }) => allowed + refused));
  const [width, height] = small ? [4, 24] : [16, 96];
  const text = words.usage.sentence(
    format.number(days.length),
    format.number(sum(days, "allowed")),
    format.number(sum(days, "refused")),
  );
  return (
    <svg
      class={`bars${small ? " small" : ""}${days.some(({ allowed, refused }) => allowed + refused > 0) ? " used" : ""}`}
      role="img"
      aria-label={text}
      viewBox={`0 0 ${days.length * width} ${height}`}
      preserveAspectRatio="none"
    >
      {days.map(({ day, allowed, refused }, at) => {
        const scale = (count: number) => (count === 0 ? 0 : Math.max(small ? 2 : 3, (count / most) * height));
        const upper = scale(refused);
        const lower = Math.min(scale(allowed), height - upper);
        const x = at * width + width * 0.12;
        const bar = width * 0.76;
        return (
          <g key={day.toISOString()}>
            {!small && (
              <title>{words.usage.ofDay(format.utcDay(day), format.number(allowed), format.number(refused))}</title>
            )}
            <rect class="ground" x={x} y={height - 1} width={bar} height={1} />
            <rect class="allowed" x={x} y={height - lower} width={bar} height={lower} />
            <rect class="refused" x={x} y={height - lower - upper} width={bar} height={upper} />
          </g>
        );
      })}
    </svg>
  );
}
