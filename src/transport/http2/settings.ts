import { maxSettingsOfFrame } from "./budgets.js";
import {
  ConnectionError,
  errorCodes,
  flags,
  frameHeaderLength,
  frameTypes,
  maxFrameLength,
  maxWindow,
  readUint32,
  writeFrameHeader,
  writeUint32,
} from "./frames.js";

/** RFC 9113 §6.5.2; the last is of RFC 9218 §2.1. */
export const settingIds = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  noRfc7540Priorities: 9,
} as const;

/** Settings of the peer. */
export interface PeerSettings {
  headerTableSize: number;
  /** Whether the table became smaller, even if for a moment, since the last header block said how we use it. */
  tableShrank: boolean;
  maxConcurrentStreams: number;
  initialWindowSize: number;
  maxHeaderListSize: number;
}

export const defaultWindow = 65_535;

/** RFC 9113 §6.5.2: what holds until the peer sets something else. */
export function initialSettings(): PeerSettings {
  return {
    headerTableSize: 4_096,
    tableShrank: false,
    maxConcurrentStreams: Number.POSITIVE_INFINITY,
    initialWindowSize: defaultWindow,
    maxHeaderListSize: Number.POSITIVE_INFINITY,
  };
}

/** Applies a SETTINGS payload in its order. Throws ConnectionError at the first value that is not allowed. */
export function applySettings(
  settings: PeerSettings,
  peer: "client" | "server",
  octets: Buffer,
  start: number,
  end: number,
): void {
  if ((end - start) % 6 !== 0) throw new ConnectionError(errorCodes.frameSizeError, "bad length of SETTINGS");
  if ((end - start) / 6 > maxSettingsOfFrame) {
    throw new ConnectionError(errorCodes.enhanceYourCalm, "too many settings", "settings");
  }
  for (let at = start; at < end; at += 6) {
    const value = readUint32(octets, at + 2);
    switch (((octets[at] as number) << 8) | (octets[at + 1] as number)) {
      case settingIds.headerTableSize:
        settings.tableShrank ||= value < settings.headerTableSize;
        settings.headerTableSize = value;
        break;
      case settingIds.enablePush:
        if (value > (peer === "client" ? 1 : 0)) throw refused("ENABLE_PUSH");
        break;
      case settingIds.maxConcurrentStreams:
        settings.maxConcurrentStreams = value;
        break;
      case settingIds.initialWindowSize:
        if (value > maxWindow) throw new ConnectionError(errorCodes.flowControlError, "INITIAL_WINDOW_SIZE too large");
        settings.initialWindowSize = value;
        break;
      case settingIds.maxFrameSize:
        // We send no longer frames than the least value, so this is checked and not kept (CVE-2026-33814).
        if (value < maxFrameLength || value > 2 ** 24 - 1) throw refused("MAX_FRAME_SIZE");
        break;
      case settingIds.maxHeaderListSize:
        settings.maxHeaderListSize = value;
        break;
    }
  }
}

function refused(name: string): ConnectionError {
  return new ConnectionError(errorCodes.protocolError, `bad value of ${name}`);
}

/** Returns a SETTINGS frame. */
export function settingsFrame(settings: Readonly<Partial<Record<keyof typeof settingIds, number>>>): Buffer {
  const entries = Object.entries(settings);
  const frame = Buffer.alloc(frameHeaderLength + 6 * entries.length);
  let at = writeFrameHeader(frame, 0, 6 * entries.length, frameTypes.settings, 0, 0);
  for (const [name, value] of entries) {
    frame[at + 1] = settingIds[name as keyof typeof settingIds];
    at = writeUint32(frame, at + 2, value);
  }
  return frame;
}

export const settingsAck: Buffer = (() => {
  const frame = Buffer.alloc(frameHeaderLength);
  writeFrameHeader(frame, 0, 0, frameTypes.settings, flags.ack, 0);
  return frame;
})();
