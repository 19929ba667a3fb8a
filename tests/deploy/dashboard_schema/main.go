// Reads Grafana dashboards strictly: a field that Grafana's own schema does not have, lacks, or has with another type is an
// error.
//
//	usage: dashboard-schema FILE...
//
// The types are Grafana's published ones (grafana-foundation-sdk, Apache-2.0), made from the schemas of Grafana and of its
// panels and data sources; each panel's options, field options and queries are read as those of its type. Panels of a type
// that is not registered here would be read loosely, so they are refused: add it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

var runtime = cog.NewRuntime() // the one that reading asks

func register() {
	for _, panel := range []variants.PanelcfgConfig{stat.VariantConfig(), table.VariantConfig(), timeseries.VariantConfig()} {
		runtime.RegisterPanelcfgVariant(panel)
	}
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
}

func check(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	// Reading strictly leaves panels out of its result, so that is thrown away; and no errors are not nil there, but a
	// list of none.
	var strict, read dashboard.Dashboard
	var found cog.BuildErrors
	if err := strict.UnmarshalJSONStrict(raw); err != nil && (!errors.As(err, &found) || len(found) > 0) {
		return err
	}
	if err := json.Unmarshal(raw, &read); err != nil {
		return err
	}
	for _, panel := range read.Panels {
		if panel.Panel == nil { // a row
			continue
		}
		if _, known := runtime.ConfigForPanelcfgVariant(panel.Panel.Type); !known {
			return fmt.Errorf("panels of type %q are not known here", panel.Panel.Type)
		}
	}
	return read.Validate()
}

func main() {
	register()
	failed := 0
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			failed = 1
		}
	}
	os.Exit(failed)
}
