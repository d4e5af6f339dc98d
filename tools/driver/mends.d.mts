export declare const mends: readonly { readonly name: string; readonly waitsFor: readonly string[] }[];
