package launch

import "slices"

// sortedUnique sorts the names and removes duplicates.
func sortedUnique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
