// Never ends.
        b       .
