// Reads Grafana dashboards strictly: a field that Grafana's own schema does not have, lacks, or has with another type is an
// error.
//
//	usage: dashboard-schema FILE...
//
// The types are Grafana's published ones (grafana-foundation-sdk, Apache-2.0), made from the schemas of Grafana and of its
// panels and data sources; each panel's options, field options and queries are read as those of its type.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func check(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var read dashboard.Dashboard
	var found cog.BuildErrors // none of them is an error as well, not nil: a typed nil
	if err := read.UnmarshalJSONStrict(raw); err != nil && (!errors.As(err, &found) || len(found) > 0) {
		return err
	}
	return read.Validate()
}

func main() {
	plugins.RegisterDefaultPlugins()
	failed := 0
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			failed = 1
		}
	}
	os.Exit(failed)
}
