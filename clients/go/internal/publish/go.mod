module patwarden.example/clients/go/internal/publish

go 1.25.0

require golang.org/x/mod v0.29.0
