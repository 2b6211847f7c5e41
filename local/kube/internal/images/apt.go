package images

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// debian has the host's Debian release and its apt sources. Images use the same sources, so that the mirrors and proxies of the host apply.
type debian struct {
	codename string
	sources  []string // one-line form
}

const aptDir = "/etc/apt"

// hostDebian reads the host's release and apt sources.
func hostDebian() (debian, error) {
	codename, err := hostCodename("/etc/os-release")
	if err != nil {
		return debian{}, err
	}
	files, _ := filepath.Glob(aptDir + "/sources.list.d/*") // the pattern is valid
	host := debian{codename: codename}
	for _, path := range append([]string{aptDir + "/sources.list"}, files...) {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // sources.list may be missing
		}
		switch filepath.Ext(path) {
		case ".list":
			host.sources = append(host.sources, fromLines(string(data), codename)...)
		case ".sources":
			host.sources = append(host.sources, fromStanzas(string(data), codename)...)
		}
	}
	if len(host.sources) == 0 {
		return debian{}, fmt.Errorf("found no apt source for %s in %s", codename, aptDir)
	}
	return host, nil
}

// hostCodename returns the code name of the Debian release.
func hostCodename(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("failed to read %s: %w", path, err)
	}
	for line := range strings.Lines(string(data)) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); found {
			return strings.Trim(value, `"`), nil
		}
	}
	return "", fmt.Errorf("found no VERSION_CODENAME in %s", path)
}

// isDebianSuite returns whether a suite is part of Debian itself. Packages of third parties are not used in images.
func isDebianSuite(suite, codename string) bool {
	return slices.Contains([]string{codename, codename + "-updates", codename + "-security"}, suite)
}

// fromLines returns the sources in the one-line format: deb [options] uri suite component…
func fromLines(text, codename string) []string {
	var found []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		rest, isDeb := strings.CutPrefix(line, "deb ")
		if _, remainder, hasOptions := strings.Cut(rest, "]"); hasOptions {
			rest = remainder
		}
		fields := strings.Fields(rest)
		if isDeb && len(fields) >= 3 && isDebianSuite(fields[1], codename) && slices.Contains(fields[2:], "main") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// fromStanzas returns the sources in the deb822 format: stanzas of fields, separated by empty lines.
func fromStanzas(text, codename string) []string {
	var found []string
	for stanza := range strings.SplitSeq(text, "\n\n") {
		fields := stanzaFields(stanza)
		if !slices.Contains(strings.Fields(fields["types"]), "deb") || !slices.Contains(strings.Fields(fields["components"]), "main") {
			continue
		}
		options := ""
		if key := strings.TrimSpace(fields["signed-by"]); filepath.IsAbs(key) {
			options = "[signed-by=" + key + "] "
		}
		for uri := range strings.FieldsSeq(fields["uris"]) {
			for suite := range strings.FieldsSeq(fields["suites"]) {
				if isDebianSuite(suite, codename) {
					found = append(found, "deb "+options+uri+" "+suite+" main")
				}
			}
		}
	}
	return found
}

// stanzaFields returns the fields of a stanza by lower-case name.
func stanzaFields(stanza string) map[string]string {
	fields := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(stanza))
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), ":")
		if found && !strings.HasPrefix(name, "#") {
			fields[strings.ToLower(name)] = value
		}
	}
	return fields
}
