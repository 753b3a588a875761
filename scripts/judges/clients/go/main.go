// What a program does with the client that openapi-generator makes of the document for Go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	shelf "shelf.test/client"
)

func check(holds bool, what ...any) {
	if !holds {
		fmt.Println(what...)
		os.Exit(1)
	}
}

// problem returns the body of the error that a call failed with.
func problem[T any](err error) T {
	var answered *shelf.GenericOpenAPIError
	check(errors.As(err, &answered), "no answer:", err)
	body, ok := answered.Model().(T)
	check(ok, "another problem:", err)
	return body
}

func main() {
	configuration := shelf.NewConfiguration()
	configuration.Servers = shelf.ServerConfigurations{{URL: os.Args[1]}}
	people := shelf.NewAPIClient(configuration).PeopleAPI
	ctx, id := context.Background(), "generator go"

	address := shelf.NewPeoplePostalAddressInput("London")
	address.SetCountry("GB")
	ada := *shelf.NewPeopleItemInput("Ada")
	ada.SetAddress(*address)
	item, answer, err := people.PutPeople(ctx, id).PeopleItemInput(ada).Execute()
	check(err == nil && answer.StatusCode == 201, err)
	check(item.Role == shelf.READER && len(item.Former) == 0, item)
	etag := answer.Header.Get("ETag")

	ada.SetRole(shelf.WRITER)
	item, answer, err = people.PutPeople(ctx, id).PeopleItemInput(ada).IfMatch(etag).Execute()
	check(err == nil && answer.StatusCode == 200 && item.Role == shelf.WRITER, err)

	_, answer, err = people.GetPeople(ctx, "nobody").Execute()
	check(answer.StatusCode == 404, err)
	check(problem[shelf.Problem404](err).Type == "/problems#no-such-item", err)

	stale := *shelf.NewPeopleItemInput("Somebody else")
	_, answer, err = people.PutPeople(ctx, id).PeopleItemInput(stale).IfMatch(etag).Execute()
	check(answer.StatusCode == 412 && problem[shelf.Problem412](err).Status == 412, err)

	_, answer, err = people.PutPeople(ctx, id).PeopleItemInput(*shelf.NewPeopleItemInput("")).Execute()
	check(answer.StatusCode == 422, err)
	invalid := problem[shelf.Problem422](err)
	check(invalid.Type == "/problems#invalid-item" && *invalid.Errors[0].Pointer == "/name", err)

	patch := shelf.NewPeopleItemMergePatch()
	patch.SetRoleNil()
	town := shelf.NewPeoplePostalAddressMergePatch()
	town.SetTown("Paris")
	patch.SetAddress(*town)
	item, answer, err = people.PatchPeople(ctx, id).PeopleItemMergePatch(*patch).Execute()
	check(err == nil && answer.StatusCode == 200, err)
	check(item.Role == shelf.READER && item.Address.Country == "GB", item)
	fmt.Println("openapi-generator (go): create, update, 404, 412, 422, merge patch")
}
