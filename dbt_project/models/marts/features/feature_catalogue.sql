{{ feature_catalogue(['project', 'milestone']) }}
