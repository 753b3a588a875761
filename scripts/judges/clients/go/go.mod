// Beside it stand the client, and a copy of what that needs.
module shelf.test/judge

go 1.19

require (
	gopkg.in/validator.v2 v2.0.1 // indirect
	shelf.test/client v0.0.0
)

replace (
	gopkg.in/validator.v2 => ../validator
	shelf.test/client => ../generator_go
)
