// Looks names up one after another with Go's own resolver. Arguments and output are those of client.c; the result is 0 or 1.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

func main() {
	if len(os.Args) == 1 {
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	resolver := net.Resolver{PreferGo: true}
	for _, name := range os.Args[1:] {
		start := time.Now().UnixNano()
		found, err := resolver.LookupHost(context.Background(), name)
		end := time.Now().UnixNano()
		result := 0
		if err != nil {
			result = 1
		}
		fmt.Printf("%s\t%d\t%d\t%d\t%s\n", name, start, end, result, strings.Join(found, ","))
	}
}
