// Verify reads a live node's log with the Go project's own transparency-log packages: the signed
// checkpoint, every tile, every leaf, and a tlog-proof. Nothing here was written for Tallystick's
// bytes but the few lines that parse a C2SP checkpoint and proof.
//
//	verify URL VKEY RECEIPT_FILE LEAF_FILE
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func get(url string) []byte {
	response, err := http.Get(url)
	check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	check(err)
	if response.StatusCode != 200 {
		log.Fatalf("%s: %s: %s", url, response.Status, body)
	}
	return body
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// open checks a checkpoint's signature and returns its tree (c2sp.org/tlog-checkpoint).
func open(text []byte, verifier note.Verifier) tlog.Tree {
	signed, err := note.Open(text, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(signed.Text, "\n")
	if lines[0] != verifier.Name() {
		log.Fatalf("the checkpoint is of %q", lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	raw, err := base64.StdEncoding.DecodeString(lines[2])
	check(err)
	var tree tlog.Tree
	tree.N = size
	copy(tree.Hash[:], raw)
	return tree
}

type tiles struct{ url string }

func (t tiles) Height() int { return 8 }

// ReadTiles fetches tiles; C2SP paths leave out the height that Go's have.
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range wanted {
		data = append(data, get(t.url+"/"+strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
	}
	return data, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// leaves reads the entry bundle of the tile with this number and width.
func leaves(url string, number, width int64) [][]byte {
	path := (tlog.Tile{H: 8, L: 0, N: number, W: int(width)}).Path()
	data := get(url + "/" + strings.Replace(path, "tile/8/0/", "tile/entries/", 1))
	var found [][]byte
	for len(data) > 0 {
		length := int(binary.BigEndian.Uint16(data))
		found = append(found, data[2:2+length])
		data = data[2+length:]
	}
	return found
}

func receipt(path string, verifier note.Verifier, leaf []byte) int64 {
	text, err := os.ReadFile(path)
	check(err)
	head, checkpoint, ok := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || lines[0] != "c2sp.org/tlog-proof@v1" {
		log.Fatal("not a tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	check(err)
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		raw, err := base64.StdEncoding.DecodeString(line)
		check(err)
		var hash tlog.Hash
		copy(hash[:], raw)
		proof = append(proof, hash)
	}
	tree := open([]byte(checkpoint), verifier)
	check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(leaf)))
	return index
}

func main() {
	log.SetFlags(0)
	url := os.Args[1]
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	leaf, err := os.ReadFile(os.Args[4])
	check(err)
	index := receipt(os.Args[3], verifier, leaf)
	tree := open(get(url+"/checkpoint"), verifier)
	reader := tlog.TileHashReader(tree, tiles{url})
	for first := int64(0); first < tree.N; first += 256 {
		width := min(256, tree.N-first)
		bundle := leaves(url, first/256, width)
		if int64(len(bundle)) != width {
			log.Fatalf("a bundle has %d of %d leaves", len(bundle), width)
		}
		for place, leaf := range bundle {
			hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, first+int64(place))})
			check(err)
			if hashes[0] != tlog.RecordHash(leaf) {
				log.Fatalf("leaf %d is not what the tree says", first+int64(place))
			}
		}
	}
	fmt.Printf("verified %d leaves, %d of them in a proof\n", tree.N, index)
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
