// Sends bodies that are refused early, each followed by a request that is not: URL TYPE SIZE ROUNDS KEY.
// Prints the two statuses of each round.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
)

func put(client *http.Client, url string, body []byte, mediaType string, key string) {
	request, err := http.NewRequest("PUT", url+"/items/go", bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", mediaType)
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	answer, err := client.Do(request)
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	fmt.Println(answer.StatusCode)
}

func main() {
	url, mediaType, key := os.Args[1], os.Args[2], os.Args[5]
	size, _ := strconv.Atoi(os.Args[3])
	rounds, _ := strconv.Atoi(os.Args[4])
	refusedKey := key
	if mediaType == "without-key" {
		mediaType, refusedKey = "application/json", ""
	}
	body := bytes.Repeat([]byte(" "), size)
	client := &http.Client{}
	for round := 0; round < rounds; round++ {
		put(client, url, body, mediaType, refusedKey)
		put(client, url, []byte("{}"), "application/json", key)
	}
}
