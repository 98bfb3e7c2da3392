// Verifies a log with the packages that Go's own checksum database is verified with: reads a case as
// JSON from standard input, and prints what each check said ("" where it holds).
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type input struct {
	Vkey, Older, Newer, Folder string
	Index                      int64
	Entry                      []byte
	Inclusion, Consistency     [][]byte
}

func main() {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		panic(err)
	}
	out := map[string]string{}
	say := func(name string, err error) {
		out[name] = ""
		if err != nil {
			out[name] = err.Error()
		}
	}
	older, err := open(in.Older, in.Vkey)
	say("older", err)
	newer, err := open(in.Newer, in.Vkey)
	say("newer", err)
	leaf := tlog.RecordHash(in.Entry)
	say("inclusion", tlog.CheckRecord(hashes(in.Inclusion), newer.N, newer.Hash, in.Index, leaf))
	say("consistency", tlog.CheckTree(tlog.TreeProof(hashes(in.Consistency)), newer.N, newer.Hash, older.N, older.Hash))
	say("tiles", provenFromTiles(in, newer, leaf))
	json.NewEncoder(os.Stdout).Encode(out)
}

// open gives the tree of a checkpoint that the key signed.
func open(text, vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil {
		return tlog.Tree{}, err
	}
	var tree tlog.Tree
	tree.N = size
	copy(tree.Hash[:], root)
	return tree, nil
}

func hashes(list [][]byte) tlog.RecordProof {
	proof := tlog.RecordProof{}
	for _, item := range list {
		var hash tlog.Hash
		copy(hash[:], item)
		proof = append(proof, hash)
	}
	return proof
}

// provenFromTiles makes the proof from our tiles, each of which is checked against the root.
func provenFromTiles(in input, tree tlog.Tree, leaf tlog.Hash) error {
	reader := tlog.TileHashReader(tree, &folder{in.Folder})
	proof, err := tlog.ProveRecord(tree.N, in.Index, reader)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, in.Index, leaf)
}

type folder struct{ path string }

func (f *folder) Height() int { return 8 }

func (f *folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f *folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		// Go's paths name the height as well: tile/8/0/000 is tile/0/000 of tlog-tiles.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(f.path, path))
		if err != nil {
			return nil, fmt.Errorf("tile %s: %w", path, err)
		}
		all = append(all, data)
	}
	return all, nil
}
