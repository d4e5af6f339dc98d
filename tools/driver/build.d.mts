export declare function writeDriver(folder: string, options?: { readonly without?: readonly string[] }): void;
