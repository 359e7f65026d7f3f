// One lookup of Go's own resolver: lookup NAME FAMILY. LookupHost for both families, LookupNetIP for one.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println(strings.TrimPrefix(runtime.Version(), "go"))
		return
	}
	resolver := net.Resolver{PreferGo: true}
	var found []string
	var err error
	switch os.Args[2] {
	case "inet":
		addresses, failed := resolver.LookupNetIP(context.Background(), "ip4", os.Args[1])
		err = failed
		for _, address := range addresses {
			found = append(found, address.Unmap().String())
		}
	default:
		found, err = resolver.LookupHost(context.Background(), os.Args[1])
	}
	if err != nil {
		fmt.Println("ERR", err)
		os.Exit(1)
	}
	fmt.Println("OK", strings.Join(found, " "))
}
