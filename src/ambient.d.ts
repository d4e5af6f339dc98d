// connect's declarations use the DOM's HeadersInit, which @types/node does not declare; without this line it silently
// becomes `any`.
type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>;
